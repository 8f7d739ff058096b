#!/bin/sh
# Inside a build: compile a use case's own module and install its requirements.txt, if it has one, into a folder of its own that
# comes after the packages of each stack. usage: install.sh SLUG "STACK STACK..."
set -eu
umask 022
slug=$1 stacks=$2
folder=/opt/tidelab/notebooks/$slug
extra=/opt/tidelab-envs/usecase
export PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1 PIP_CONFIG_FILE=/tmp/host/pip.conf PIP_DISABLE_PIP_VERSION_CHECK=1
[ ! -s /tmp/host/ca.crt ] || export PIP_CERT=/tmp/host/ca.crt SSL_CERT_FILE=/tmp/host/ca.crt

mkdir -p /out/opt/tidelab/notebooks
if [ -d "$folder/src" ]; then
    python3 -m compileall -q --invalidation-mode unchecked-hash "$folder/src"
fi
if [ -f "$folder/requirements.txt" ]; then
    first=${stacks%% *}
    echo "installing the use case's own requirements"
    "/opt/tidelab-envs/$first/bin/python" -m pip install --quiet --no-deps --require-hashes --only-binary :all: \
        --target "/out$extra" -r "$folder/requirements.txt"
    python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash "/out$extra" -s /out
    for stack in $stacks; do
        for packages in "/opt/tidelab-envs/$stack"/lib/python*/site-packages; do
            real=$(readlink -f "$packages")
            mkdir -p "/out$real"
            echo "$extra" >"/out$real/zz-tidelab-usecase.pth"
        done
    done
fi
mv "$folder" /out/opt/tidelab/notebooks/
if [ -d /opt/tidelab/notebooks/.weights ]; then
    mkdir -p /out/opt/tidelab-weights
    cd /opt/tidelab/notebooks/.weights
    sha256sum --check --strict SHA256SUMS
    mv ./* /out/opt/tidelab-weights/
fi
chmod -R u+rwX,go+rX,go-w /out
