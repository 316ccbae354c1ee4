#!/bin/sh
# Brings the browser that tests/stack/running/test_boards_browser.py needs on Debian, for root. Where it cannot, those tests are
# skipped and say why.
packages="chromium chromium-driver"
[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || exit 0
# shellcheck disable=SC2086 - a list
dpkg --status $packages >/dev/null 2>&1 && exit 0
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 - a list
{ apt-get update && apt-get install --yes --no-install-recommends $packages; } >/dev/null 2>&1 ||
    echo "chromium cannot be installed; the tests in a browser will be skipped" >&2
