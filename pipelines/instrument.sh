#!/usr/bin/env bash
# An instrument on a serial port: what it says in the page, and commands from there.
#
#   pipelines/instrument.sh DEVICE [PROFILE] [PROPERTY=VALUE …]    default profile: terminal
#
# DEVICE: such as /dev/ttyUSB0 or, better, one of /dev/serial/by-id/, which stays the same;
# or pty:/tmp/name, which makes a virtual port for a program that only knows a tty.
# PROFILE: terminal, scpi-multimeter, nmea-gps, geiger, modbus-rtu, kx3, kenwood-v71, or the
# path of one of your own (profiles/README.md).
# PROPERTY=VALUE: of serialsrc, in place of what the profile says, such as baud=4800.
# Without an instrument at hand: cargo run --example instrument-sim -- geiger --link /tmp/geiger
# and pipelines/instrument.sh /tmp/geiger geiger.

case ${1:-} in -h | --help) sed -n "2,/^$/s/^# \?//p" "$0"; exit ;; esac
set -eu
device=${1:?which port? See pipelines/instrument.sh --help}
profile=${2:-terminal}
label=${profile##*/}

# Source and sink share the port; settings of the line given to one are good for both.
exec gst-launch-1.0 -q --no-position \
    periscope name=p data_0::label="${label%.json}" data_src_0::label="${label%.json}" \
    serialsrc device="$device" profile="$profile" "${@:3}" ! p.data_0 \
    p.data_src_0 ! serialsink device="$device" profile="$profile"
