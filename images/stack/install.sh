#!/bin/sh
# Inside a build: install one environment with the project's own installer, compile it, put it where the next stage takes it from.
# usage: install.sh ENVIRONMENT cpu|cuda
set -eu
umask 022
name=$1
export TIDELAB_VARIANT=$2 TIDELAB_STATE=/tmp/state PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1
# Not into the folder of a person's own packages.
export TIDELAB_PACKAGES=
export PIP_CONFIG_FILE=/tmp/host/pip.conf
# Builds of torch and the like that lay on the disk of the machine that builds.
[ ! -d /tmp/host/wheels ] || export PIP_FIND_LINKS=/tmp/host/wheels
[ ! -s /tmp/host/ca.crt ] || export PIP_CERT=/tmp/host/ca.crt SSL_CERT_FILE=/tmp/host/ca.crt

cd /opt/tidelab
PYTHONPATH=extensions python3 -m tidelab.environments install "$name" --progress lines

# Compiled here, for nobody may write there later. The files say "unchecked": they stay valid whatever the times of the sources are.
"/opt/tidelab-envs/$name/bin/python" -m compileall -q -j 0 --invalidation-mode unchecked-hash "/opt/tidelab-envs/.store/$name" ||
    echo "$name: some files do not compile (their messages are above); they are left as they came"

mkdir -p /out/opt/tidelab-envs/.store
mv "/opt/tidelab-envs/.store/$name" /out/opt/tidelab-envs/.store/
mv "/opt/tidelab-envs/$name" /out/opt/tidelab-envs/
chmod -R u+rwX,go+rX,go-w /out
