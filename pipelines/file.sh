#!/usr/bin/env bash
# A media file, or anything else with an address: pictures and sound, at their own speed.
#
#   pipelines/file.sh FILE-OR-URI
#
# All viewers see the same moment of it. It ends with the file.

case ${1:-} in -h | --help) sed -n "2,/^$/s/^# \?//p" "$0"; exit ;; esac
set -eu
what=${1:?which file? See pipelines/file.sh --help}
if [[ $what == *://* ]]; then
    source=(uridecodebin uri="$what")
else
    source=(filesrc location="$what" ! decodebin)
fi

exec gst-launch-1.0 -q --no-position periscope name=p "${source[@]}" name=file \
    file. ! video/x-raw ! queue ! p.video_0 \
    file. ! audio/x-raw ! queue ! p.audio_0
