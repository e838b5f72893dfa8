#!/bin/sh
# Installs the Debian packages that the tests need and that are not there yet; asks nothing.
# Another need is another line of `needs`. With the word `consoles`: also what tests/consoles.py records from.
set -eu

# a program on PATH (or a file, by its absolute path), and the package that brings it
needs='
chromium     chromium
chromedriver chromium-driver
openssl      openssl
nginx        nginx-light
wrk          wrk
'

test "${1:-}" != consoles || needs="$needs
firefox-esr  firefox-esr
Xvfb         xvfb
/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser  libwebkit2gtk-4.1-0
"

is_there() {
    case $1 in
        /*) test -e "$1" ;;
        *) command -v "$1" >/dev/null ;;
    esac
}

missing_packages() {
    echo "$needs" | while read -r thing package; do
        test -z "$thing" || is_there "$thing" || echo "$package"
    done | sort -u | tr '\n' ' '
}

as_root() {
    if test "$(id -u)" -ne 0 && command -v sudo >/dev/null; then
        sudo "$@"
    else
        "$@"
    fi
}

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@"
}

missing=$(missing_packages)
if test -z "$missing"; then
    exit 0
fi

if ! command -v apt-get >/dev/null; then
    echo "The tests need programs that Debian has in these packages: $missing" >&2
    echo "There is no apt-get here: install them in this system's way and put them on PATH." >&2
    exit 1
fi

apt update
# shellcheck disable=SC2086  # one word per package
apt install -y --no-install-recommends $missing
