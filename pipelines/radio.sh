#!/usr/bin/env bash
# A remote radio: its controls, its sound, and a camera that looks at it.
#
#   pipelines/radio.sh DEVICE [PROFILE]    default profile: kx3
#
# DEVICE: the radio's serial port, such as one of /dev/serial/by-id/.
# PROFILE: kx3, kenwood-v71, or the path of one of your own (profiles/README.md).
# SOUND: the sound card that is wired to the radio, as gst-device-monitor-1.0 Audio names it,
# such as hw:1 with SYSTEM=alsa: the radio is heard, and its transmitter hears who talks in the
# page, where “key” can be ticked. Without it there is no sound.
# CAMERA: such as /dev/video0; without it there is no picture.
#
# Who has come by a code needs one for control to send commands: type “code control”. When
# whoever controls the radio is lost, the profile's safe string ends a transmission; so does
# its longest time. None of that helps when this computer loses power: set the radio's own
# time-out timer, too.

case ${1:-} in -h | --help) sed -n "2,/^$/s/^# \?//p" "$0"; exit ;; esac
set -eu
device=${1:?which port? See pipelines/radio.sh --help}
profile=${2:-kx3}
label=${profile##*/}
label=${label%.json}

more=()
if [[ -n ${SOUND:-} ]]; then
    card=(device="$SOUND" system="${SYSTEM:-auto}")
    more+=(opussrc profile=radio "${card[@]}" ! p.audio_0 p.audio_src_0 ! opussink "${card[@]}")
fi
[[ -z ${CAMERA:-} ]] || more+=(v4l2src device="$CAMERA" ! image/jpeg ! jpegdec ! queue ! p.video_0)

exec gst-launch-1.0 -q --no-position \
    periscope name=p data_0::label="$label" data_src_0::label="$label" \
    serialsrc device="$device" profile="$profile" ! p.data_0 \
    p.data_src_0 ! serialsink device="$device" profile="$profile" "${more[@]}"
