#!/usr/bin/env bash
# A moving test picture with a clock, and a soft tone once a second.
#
#   pipelines/test-picture.sh [WIDTH] [HEIGHT]    default: 960 540

case ${1:-} in -h | --help) sed -n "2,/^$/s/^# \?//p" "$0"; exit ;; esac
set -eu

# Test sources are files that never end, unless they are told to be live.
exec gst-launch-1.0 -q --no-position periscope name=p \
    videotestsrc is-live=true pattern=smpte75 horizontal-speed=2 \
    ! "video/x-raw,width=${1:-960},height=${2:-540},framerate=30/1" \
    ! timeoverlay ! queue ! p.video_0 \
    audiotestsrc is-live=true wave=ticks volume=0.1 ! queue ! p.audio_0
