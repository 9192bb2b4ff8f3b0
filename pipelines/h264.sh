#!/usr/bin/env bash
# H.264 that is there already, passed on as it is: nothing is encoded here.
#
#   pipelines/h264.sh FILE    .mp4, .mkv, .ts, .h264, …
#
# Browsers cannot show B-frames by WebRTC: encode without them (x264: bframes=0), and
# with a key frame every second or two, for which newcomers wait. Viewers that cannot
# decode H.264 get no picture this way.

case ${1:-} in -h | --help) sed -n "2,/^$/s/^# \?//p" "$0"; exit ;; esac
set -eu
file=${1:?which file? See pipelines/h264.sh --help}

exec gst-launch-1.0 -q --no-position periscope name=p \
    filesrc location="$file" ! parsebin ! video/x-h264 ! queue ! p.video_0
