#!/bin/sh
# Inside a build: compile a use case's own module, check its weights, and install what it needs besides its stacks (checked before:
# nothing of it is in a stack) into a folder of its own that comes after the packages of each stack.
# usage: install.sh SLUG "STACK STACK..."
set -eu
umask 022
slug=$1 stacks=$2
folder=/opt/tidelab/notebooks/$slug
extra=/opt/tidelab-envs/usecase
export PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1 PIP_CONFIG_FILE=/tmp/host/pip.conf PIP_DISABLE_PIP_VERSION_CHECK=1
# Not into the folder of a person's own packages.
export TIDELAB_PACKAGES=
[ ! -s /tmp/host/ca.crt ] || export PIP_CERT=/tmp/host/ca.crt SSL_CERT_FILE=/tmp/host/ca.crt

mkdir -p /out/opt/tidelab/notebooks
if [ -d "$folder/src" ]; then
    python3 -m compileall -q --invalidation-mode unchecked-hash "$folder/src"
fi
if [ -f /tmp/host/requirements.txt ]; then
    first=${stacks%% *}
    echo "installing the use case's own requirements"
    "/opt/tidelab-envs/$first/bin/python" -m pip install --quiet --no-deps --require-hashes --only-binary :all: \
        --target "/out$extra" -r /tmp/host/requirements.txt
    python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash "/out$extra" -s /out
    for stack in $stacks; do
        for packages in "/opt/tidelab-envs/$stack"/lib/python*/site-packages; do
            real=$(readlink -f "$packages")
            mkdir -p "/out$real"
            echo "$extra" >"/out$real/zz-tidelab-usecase.pth"
        done
    done
fi
if [ -d "$folder/.weights" ]; then
    (cd "$folder/.weights" && sha256sum --check --strict --quiet SHA256SUMS)
    mv "$folder/.weights" /out/opt/tidelab-weights
fi
mv "$folder" /out/opt/tidelab/notebooks/
chmod -R u+rwX,go+rX,go-w /out
