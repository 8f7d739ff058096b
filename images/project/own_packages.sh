#!/bin/sh
# Inside a build: let each stack find the packages that people install. usage: own_packages.sh STACK...
set -eu
umask 022
lib=$(dirname -- "$0")
for stack in "$@"; do
    python=/opt/tidelab-envs/$stack/bin/python
    packages=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    cp "$lib/own_packages.py" "$packages/_tidelab_own_packages.py"
    echo "import _tidelab_own_packages" >"$packages/zzz-tidelab-own-packages.pth"
    TIDELAB_PACKAGES='' "$python" -m pip list --format freeze --exclude tidelab --exclude pip --exclude setuptools \
        >"/opt/tidelab-envs/$stack/tidelab-pins.txt"
    "$python" -m compileall -q --invalidation-mode unchecked-hash "$packages/_tidelab_own_packages.py"
done
