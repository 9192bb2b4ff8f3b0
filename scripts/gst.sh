# shellcheck shell=bash
# Tries the plugin on another GStreamer than this computer's, which lies in a folder of
# its own. To be sourced after lib.sh.
#
# One build is to work on every GStreamer from 1.22 on, but what webrtcbin asks of the
# class GstWebRTCICE, which the plugin implements, is another thing in nearly each.

: "${root:?lib.sh comes first}" "${target_dir:?}"

# The release of Debian that has that version of GStreamer.
declare -rA debian_with=([1.26]=trixie [1.28]=forky)

# The tests ask pkg-config where GStreamer's own plugins are.
gst_packages=("${runtime_packages[@]}" libgstreamer1.0-dev pkgconf pulseaudio pulseaudio-utils)

# Longer than any test program takes, if none of its tests hangs; seconds.
readonly GST_TEST_LIMIT=600

# Sets `gst_folder` to the folder with that version; fills it if it is not there yet.
need_gst() {
    local version=$1 mirror settings packages
    gst_folder=$(realpath --canonicalize-missing -- "$target_dir/gst-$version")
    need_packages bubblewrap jq
    [[ ! -d $gst_folder ]] || return 0

    have apt-get || fail "GStreamer $version is taken from Debian's packages: this needs a Debian"
    need_packages mmdebstrap
    step "Fetching GStreamer $version into $gst_folder (1.1 GB, once)"
    as_root apt-get update --quiet
    # From where this computer gets its own packages, and by the same way.
    mirror=$(apt-get indextargets --format "\$(REPO_URI)" \
        'Identifier: Packages' 'Label: Debian' 'Component: main' | sed --quiet 1p)
    [[ -n $mirror ]] || fail "no source of Debian's packages among those of apt on this computer"
    settings=$(apt-config dump Acquire | grep --invert-match '^Acquire::IndexTargets')
    packages=$(IFS=, && say "${gst_packages[*]}")

    # What an earlier attempt left.
    as_root rm --recursive --force --one-file-system -- "$gst_folder.part"
    mkdir --parents -- "$target_dir"
    as_root mmdebstrap --variant=minbase --aptopt="$settings" --include="$packages" \
        "${debian_with[$version]}" "$gst_folder.part" "$mirror"
    # Only read from now on: so it need not be root who removes it.
    as_root chown --recursive --no-dereference "$(id -u):$(id -g)" "$gst_folder.part"
    mv -- "$gst_folder.part" "$gst_folder"
}

# Runs a command where that folder is the system: with this computer's network and the
# project to read; nothing that it writes is kept. What is mounted goes when it ends.
in_gst() {
    local target
    target=$(realpath -- "$target_dir")
    mkdir --parents -- "$target/tmp"
    timeout --foreground --kill-after=5 "$GST_TEST_LIMIT" \
        bwrap --die-with-parent --unshare-pid \
        --ro-bind "$gst_folder/usr" /usr --ro-bind "$gst_folder/etc" /etc \
        --symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64 \
        --proc /proc --dev /dev --ro-bind /sys /sys --tmpfs /tmp \
        --ro-bind "$root" "$root" --ro-bind "$target" "$target" \
        --bind "$target/tmp" "$target/tmp" --chdir "$root" \
        --clearenv --setenv PATH /usr/bin --setenv LANG C.UTF-8 \
        --setenv HOME /tmp --setenv XDG_RUNTIME_DIR /tmp \
        --setenv GST_PLUGIN_PATH "$target/debug" \
        --setenv RUST_BACKTRACE 1 ${GST_DEBUG:+--setenv GST_DEBUG "$GST_DEBUG"} \
        -- "$@"
}

# The version that is in the folder, which has to be the one that is asked for.
gst_version() {
    local found
    found=$(in_gst gst-inspect-1.0 --version | awk 'NR == 1 { print $NF }')
    [[ $found == "$1".* ]] ||
        fail "$gst_folder holds GStreamer ${found:-that does not run}, not $1. Remove it to fetch it anew"
    say "$found"
}

# Fails with what gst-inspect-1.0 says if it does not find the element.
gst_has_plugin() {
    local manual
    manual=$(in_gst gst-inspect-1.0 periscope 2>&1) || fail "$manual"
}

# Builds the tests, and lists their programs: name, space, path.
gst_test_programs() {
    cargo test --locked --no-run --message-format=json-render-diagnostics |
        jq --raw-output 'select(.profile.test and .executable) | "\(.target.name) \(.executable)"' |
        sort
}

# Runs the tests, all of them even if some fail: together the failures tell more.
gst_tests() {
    local listed name program failed=()
    listed=$(gst_test_programs)
    while read -r name program; do
        step "$name"
        in_gst "$program" </dev/null || failed+=("$name")
    done <<<"$listed"
    [[ ${#failed[@]} -eq 0 ]] || fail "failed: ${failed[*]}"
}
