#!/usr/bin/env bash
# An intercom: this computer's microphone is heard in the pages, and who talks there is heard
# from its loudspeaker.
#
#   pipelines/voice.sh [PROPERTY=VALUE …]    properties of periscope, such as talk=one
#
# SPEAKER, MICROPHONE: sound cards, as gst-device-monitor-1.0 Audio names them; the system's
# own choice without them.
# PROCESSING: what is done to the microphone: echo, noise, gain, joined by +; all three without
# it. “none” for headphones, and for anything but speech.
# CAMERA: such as /dev/video0; without it there is no picture.
#
# To talk, open the https address, or the page from disk with a code of “code control”:
# browsers give the microphone to no page from plain http.

case ${1:-} in -h | --help) sed -n "2,/^$/s/^# \?//p" "$0"; exit ;; esac
set -eu
processing=${PROCESSING:-echo+noise+gain}
microphone=(opussrc profile=voice)
[[ $processing == none ]] || microphone+=(processing="$processing")
[[ -z ${MICROPHONE:-} ]] || microphone+=(device="$MICROPHONE")
speaker=(opussink)
[[ -z ${SPEAKER:-} ]] || speaker+=(device="$SPEAKER")
more=()
[[ -z ${CAMERA:-} ]] || more+=(v4l2src device="$CAMERA" ! image/jpeg ! jpegdec ! queue ! p.video_0)

exec gst-launch-1.0 -q --no-position periscope name=p "$@" \
    "${microphone[@]}" ! p.audio_0  p.audio_src_0 ! "${speaker[@]}" "${more[@]}"
