#!/bin/sh
# Makes the base image on this machine, from Debian's packages instead of an image registry: debootstrap, then `docker import`.
#
#   sudo images/base/make.sh [NAME] [MIRROR]        default: debian:bookworm-slim http://deb.debian.org/debian
#
# Nothing is done where the engine has an image of that name already. Needs root, debootstrap and a running engine.
set -eu
name=${1:-debian:bookworm-slim}
mirror=${2:-http://deb.debian.org/debian}

fail() { echo "images/base/make.sh: $1" >&2; exit 1; }

command -v docker >/dev/null || fail "there is no docker on PATH. Debian, Ubuntu: apt-get install docker.io"
docker version >/dev/null 2>&1 || fail "no container engine answers. Start it, then run this again."
if docker image inspect "$name" >/dev/null 2>&1; then
    echo "$name is here already."
    exit 0
fi
[ "$(id -u)" = 0 ] || fail "debootstrap needs root: run it with sudo."
command -v debootstrap >/dev/null || fail "debootstrap is missing. Debian, Ubuntu: apt-get install debootstrap"

folder=$(mktemp -d "${TMPDIR:-/var/tmp}/tidelab-base.XXXXXX")
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
echo "Fetching Debian 12 from $mirror ..."
debootstrap --variant=minbase bookworm "$folder/root" "$mirror" >"$folder/log" 2>&1 || {
    tail -n 5 "$folder/log" >&2
    fail "debootstrap failed (its last lines are above). Check the network, or name another mirror."
}

# Security updates come with the packages that the foundation installs.
if [ "$mirror" = http://deb.debian.org/debian ]; then
    cat >"$folder/root/etc/apt/sources.list" <<LIST
deb http://deb.debian.org/debian bookworm main
deb http://deb.debian.org/debian bookworm-updates main
deb http://deb.debian.org/debian-security bookworm-security main
LIST
fi
rm -rf "$folder"/root/var/cache/apt/archives/*.deb "$folder"/root/var/lib/apt/lists/* "$folder"/root/var/log/*
# What Docker's own Debian images do: no downloads kept, no manuals and translations unpacked, no services started by packages.
cat >"$folder/root/etc/apt/apt.conf.d/tidelab-base" <<'CONF'
APT::Keep-Downloaded-Packages "false";
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb || true"; };
Acquire::Languages "none";
CONF
cat >"$folder/root/etc/dpkg/dpkg.cfg.d/tidelab-base" <<'CONF'
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/man/*
path-exclude /usr/share/locale/*
CONF
printf '#!/bin/sh\nexit 101\n' >"$folder/root/usr/sbin/policy-rc.d"
chmod 755 "$folder/root/usr/sbin/policy-rc.d"
rm -rf "$folder"/root/usr/share/man/* "$folder"/root/usr/share/locale/*
find "$folder/root/usr/share/doc" -type f ! -name copyright -delete

tar -C "$folder/root" --numeric-owner --exclude=./dev/* --exclude=./proc/* --exclude=./sys/* -cf - . |
    docker import --change 'CMD ["/bin/bash"]' --message "Debian 12 by debootstrap" - "$name" >/dev/null
echo "$name is made."
