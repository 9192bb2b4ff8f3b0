# shellcheck shell=bash disable=SC2034
# What the scripts share. To be sourced; changes into the project's folder.

set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
cd -- "$root"
target_dir=${CARGO_TARGET_DIR:-$root/target}

readonly NEEDED_RUST=1.92
readonly NEEDED_NODE=18.19

build_packages=(
    gcc libc6-dev pkg-config
    libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev libgstreamer-plugins-bad1.0-dev
    libopus-dev
)
runtime_packages=(
    gstreamer1.0-tools gstreamer1.0-nice
    gstreamer1.0-plugins-base gstreamer1.0-plugins-good
    gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly
    gstreamer1.0-libav gstreamer1.0-x
    gstreamer1.0-pulseaudio gstreamer1.0-alsa gstreamer1.0-pipewire
)

say() { printf '%s\n' "$*"; }
step() { printf '\n==> %s\n' "$*"; }
fail() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}
have() { command -v "$1" >/dev/null; }

# The comment at the top of a script is its help.
show_help() { awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0"; }

as_root() {
    if [[ $EUID -eq 0 ]]; then
        "$@"
    elif have sudo; then
        sudo "$@"
    else
        fail "this needs root, and there is no sudo. As root: $*"
    fi
}

is_installed() {
    [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# Installs those of the packages that are missing.
need_packages() {
    local package missing=()
    if ! have apt-get || ! have dpkg-query; then
        say "This is not Debian: make sure that what these packages hold is there: $*"
        return
    fi
    for package in "$@"; do
        is_installed "$package" || missing+=("$package")
    done
    [[ ${#missing[@]} -gt 0 ]] || return 0
    step "Installing ${missing[*]}"
    as_root apt-get update --quiet
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --no-install-recommends "${missing[@]}" </dev/null
}

# Whether version $1 is at least version $2.
at_least() { printf '%s\n%s\n' "$2" "$1" | sort --check=quiet --version-sort; }

need_rust() {
    local version
    # rustup puts it there; a shell from before the installation does not know.
    have cargo || PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
    have cargo || fail "Rust is missing. Install it as https://rustup.rs says, then run this again."
    version=$(cargo --version | cut -d ' ' -f 2)
    at_least "$version" "$NEEDED_RUST" ||
        fail "Rust $version is too old, $NEEDED_RUST is needed: rustup update stable (Debian's own cargo is too old)"
}

# Tools that a minimal rustup leaves out.
need_rust_tools() {
    cargo fmt --version &>/dev/null && cargo clippy --version &>/dev/null && return
    have rustup || fail "rustfmt or clippy is missing, and there is no rustup to add them"
    step "Adding rustfmt and clippy"
    rustup component add rustfmt clippy
}

# Node, npm, and what the page's checks and the browser tests need from npm.
need_node() {
    local version
    if ! have node || ! have npm; then
        need_packages nodejs npm
    fi
    version=$(node --version)
    at_least "${version#v}" "$NEEDED_NODE" || fail "Node $version is too old, $NEEDED_NODE is needed"
    export npm_config_progress=false
    step "Fetching what web/package-lock.json names"
    npm --prefix web ci --no-audit --no-fund </dev/null
}

need_browsers() { need_packages chromium firefox-esr; }

# The plugin as users get it, and what else is named: in one go, because an example that is
# built by itself has the plugin built anew. Cargo shows its progress.
build_release() {
    step "Building (the first time takes some minutes)"
    cargo build --release --locked "$@"
}
