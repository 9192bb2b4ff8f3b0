#!/usr/bin/env bash
# An RTSP camera that sends H.264. It is passed on as it is: nothing is encoded here.
#
#   pipelines/rtsp.sh URL    such as rtsp://user:password@192.168.1.30/stream1
#
# LATENCY: what the network to the camera may jitter, 50 ms by default.
# Choose a stream without B-frames (profile “baseline” or “main”): browsers cannot
# show them by WebRTC.

case ${1:-} in -h | --help) sed -n "2,/^$/s/^# \?//p" "$0"; exit ;; esac
set -eu
url=${1:?which camera? See pipelines/rtsp.sh --help}

exec gst-launch-1.0 -q --no-position rtspsrc location="$url" latency="${LATENCY:-50}" name=camera \
    camera. ! application/x-rtp,media=video ! rtph264depay ! h264parse ! queue ! periscope
