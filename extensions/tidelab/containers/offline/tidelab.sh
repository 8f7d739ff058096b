#!/bin/sh
# Runs one use case without a network: ./tidelab.sh [--no-docker] check | app | report IMAGES OUT | receipts
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
use_case=@USE_CASE@
stack=@STACK@
image=@IMAGE@
data=$here/data

fail() { printf '%s\n' "$*" >&2; exit 1; }

usage() { fail "Usage: ./tidelab.sh [--no-docker] check | app | report IMAGES OUT | receipts (see START HERE.txt)"; }

absolute() { (CDPATH='' cd -- "$1" && pwd) || fail "There is no folder $1."; }

# Values only, never run as a script: the file is edited by hand.
setting() {
    [ -f "$here/settings.env" ] || return 0
    sed -n "s/^$1=//p" "$here/settings.env" | tail -n 1 | tr -d '\r'
}

with_docker() { [ -n "$image" ] && [ -f "$here/image/image.tar" ] && [ "$docker" = yes ] && docker version >/dev/null 2>&1; }

load_image() {
    docker image inspect "$image" >/dev/null 2>&1 || {
        echo "Loading the image (once)."
        docker load --quiet --input "$here/image/image.tar" >/dev/null
    }
}

# Everything that both ways give to the process, as NAME=value lines.
variables() {
    cat <<LINES
TIDELAB_DATA=$data
TIDELAB_RUNS=$data/runs
TIDELAB_CHAMPIONS=$here/champions
TIDELAB_USAGE=$data/usage
TIDELAB_ACCESS=local
TIDELAB_PERSON_KIND=$(setting TIDELAB_PERSON_KIND)
TIDELAB_INSTITUTION=$(setting TIDELAB_INSTITUTION)
TIDELAB_COUNTRY=$(setting TIDELAB_COUNTRY)
HOME=$data/home
USER=ship
LOGNAME=ship
LINES
    # For tests and workshops, as everywhere in Tidelab.
    [ -z "${TIDELAB_PURPOSE:-}" ] || printf 'TIDELAB_PURPOSE=%s\n' "$TIDELAB_PURPOSE"
}

# in_docker "docker options" command...: the folder is mounted at the path it has here, so every path means the same.
in_docker() {
    options=$1
    shift
    load_image
    variables >"$data/container.env"
    # shellcheck disable=SC2086  # options are words of this script
    exec docker run --rm --init --user "$(id -u):$(id -g)" --read-only --tmpfs /tmp --cap-drop ALL \
        --security-opt no-new-privileges --env-file "$data/container.env" --workdir "$data/home" \
        --volume "$here/champions:$here/champions:ro" --volume "$data:$data" $options "$image" "$@"
}

install_here() {
    [ -d "$here/wheels" ] || fail "This bundle holds no packages: it needs Docker."
    export TIDELAB_ROOT="$here/code" TIDELAB_STATE="$here/installed" TIDELAB_VARIANT=cpu
    # pip takes a blank for the end of a place, so it is written as addresses write it.
    links=file://$(printf '%s' "$here/wheels" | sed 's/%/%25/g; s/ /%20/g')
    export PIP_NO_INDEX=1 PIP_FIND_LINKS="$links" PIP_DISABLE_PIP_VERSION_CHECK=1
    unset PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_CONFIG_FILE || true
    "$here/code/tidelab" env install lab "$stack"
}

# in_python environment command...
in_python() {
    environment=$1
    shift
    install_here
    while IFS= read -r line; do export "${line?}"; done <<LINES
$(variables)
LINES
    cd "$data/home"
    exec "$here/installed/envs/$environment/bin/python" "$@"
}

app() {
    port=$(setting PORT)
    port=${port:-8866}
    token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    # In a file of our own and not on a command line, which everyone on the machine can read.
    echo "Open http://127.0.0.1:$port/$use_case/?token=$token"
    echo "It is ready in some seconds. Ctrl-C ends it; analyses in progress go on when it is started again."
    export TIDELAB_APPS_PERSON=ship JUPYTER_TOKEN="$token"
    if with_docker; then
        export JUPYTERHUB_SERVICE_URL="http://0.0.0.0:8866/"
        in_docker "--publish 127.0.0.1:$port:8866 --env TIDELAB_APPS_PERSON --env JUPYTER_TOKEN --env JUPYTERHUB_SERVICE_URL ${DOCKER_OPTIONS:-}" \
            /opt/tidelab-envs/lab/bin/python -m tidelab.apps
    else
        export JUPYTERHUB_SERVICE_URL="http://127.0.0.1:$port/"
        in_python lab -m tidelab.apps
    fi
}

report() {
    [ $# -eq 2 ] || fail "Usage: ./tidelab.sh report FOLDER-OF-IMAGES FOLDER-FOR-THE-REPORT"
    mkdir -p -- "$2"
    out=$(absolute "$2")
    if [ "$1" = sample ]; then images=sample mount=; else images=$(absolute "$1") mount="--volume $images:$images:ro"; fi
    case "$images$out" in *[[:space:]:]*) spaces=yes ;; *) spaces=no ;; esac
    if with_docker && [ "$spaces" = no ]; then
        in_docker "--network none $mount --volume $out:$out" \
            "/opt/tidelab-envs/$stack/bin/python" -m tidelab.cli report "$use_case" --images "$images" --out "$out"
    elif with_docker && [ ! -d "$here/wheels" ]; then
        fail "Docker cannot take folders with blanks or colons in their names: rename $images or $out."
    else
        in_python "$stack" -m tidelab.cli report "$use_case" --images "$images" --out "$out"
    fi
}

receipts() {
    events=$data/usage/events.jsonl
    [ -s "$events" ] || fail "There are no receipts yet: nothing was analysed."
    place=$(setting PLACE | tr -c 'A-Za-z0-9\n' '-')
    file=$here/receipts-${place:-here}-$(date -u +%Y%m%d).jsonl
    cp -- "$events" "$file"
    echo "$(wc -l <"$file") receipts: $file"
    echo "Send it to your hub's admin: tidelab usage merge FILE. Handed in twice, it counts once."
}

docker=yes
if [ "${1:-}" = --no-docker ]; then docker=no; shift; fi
umask 077
mkdir -p "$data/runs" "$data/usage" "$data/home"
command=${1:-}
[ $# -eq 0 ] || shift
case $command in
check) (cd "$here" && sha256sum --check --quiet SHA256SUMS) && echo "Everything is as it was made." ;;
app) app ;;
report) report "$@" ;;
receipts) receipts ;;
*) usage ;;
esac
