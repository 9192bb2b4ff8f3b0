#!/usr/bin/env bash
# A camera on USB, or any other that Video4Linux knows.
#
#   pipelines/camera.sh [DEVICE] [mjpeg|raw|h264]    default: /dev/video0 mjpeg
#
# mjpeg: what most webcams send at large sizes. raw: small sizes, and capture cards.
# h264: cameras that encode; their picture goes to the viewers as it is.
# If it says “not-negotiated”, the camera does not have that format: try another, or
# see which there are with v4l2-ctl --list-formats-ext (package v4l-utils).
# WIDTH, HEIGHT: largest picture to ask for, 1280 and 720 by default.
# Cameras of a Raspberry Pi: libcamerasrc in place of v4l2src.

case ${1:-} in -h | --help) sed -n "2,/^$/s/^# \?//p" "$0"; exit ;; esac
set -eu
size="width=[1,${WIDTH:-1280}],height=[1,${HEIGHT:-720}]"
case ${2:-mjpeg} in
    mjpeg) format=("image/jpeg,$size" ! jpegdec) ;;
    raw) format=("video/x-raw,$size") ;;
    h264) format=("video/x-h264,$size" ! h264parse) ;;
    *) echo "camera.sh: $2 is none of mjpeg, raw, h264" >&2; exit 1 ;;
esac

exec gst-launch-1.0 -q --no-position v4l2src device="${1:-/dev/video0}" ! "${format[@]}" ! queue ! periscope
