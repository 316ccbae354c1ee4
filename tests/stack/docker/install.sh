#!/bin/sh
# Brings what tests/stack/docker needs on Debian, for root. Where it cannot, those tests are skipped and say why.
packages="podman buildah runc netavark aardvark-dns iptables catatonit debootstrap"
[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || exit 0
# shellcheck disable=SC2086 - a list
dpkg --status $packages >/dev/null 2>&1 && exit 0
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 - a list
{ apt-get update && apt-get install --yes --no-install-recommends $packages; } >/dev/null 2>&1 ||
    echo "podman cannot be installed; the tests of the containers will be skipped" >&2
