#!/usr/bin/env bash
# This computer's screen (X11).
#
#   pipelines/screen.sh [FRAMES-PER-SECOND]    default: 20
#
# DISPLAY says which screen. Under Wayland programs see only what the desktop's portal
# gives them: there, use pipewiresrc path=NODE (package gstreamer1.0-pipewire) in place
# of ximagesrc, with the node that xdg-desktop-portal's ScreenCast has given.

case ${1:-} in -h | --help) sed -n "2,/^$/s/^# \?//p" "$0"; exit ;; esac
set -eu

# Text on a screen wants more bits than a camera: VIDEO_BITRATE in kbit/s.
exec gst-launch-1.0 -q --no-position ximagesrc use-damage=false show-pointer=true \
    ! "video/x-raw,framerate=${1:-20}/1" ! queue \
    ! periscope video-bitrate="${VIDEO_BITRATE:-4000}"
