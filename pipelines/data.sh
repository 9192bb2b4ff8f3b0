#!/usr/bin/env bash
# Text both ways: the page shows what a command prints, line by line, and the terminal
# shows what is sent from the page.
#
#   pipelines/data.sh [COMMAND [ARGUMENT …]]    default: the time, each second
#
# The command has to print at once (stdbuf -oL COMMAND, if it does not).

case ${1:-} in -h | --help) sed -n "2,/^$/s/^# \?//p" "$0"; exit ;; esac
set -eu
[[ $# -gt 0 ]] || set -- bash -c 'while date; do sleep 1; done'

# Messages come without a newline at their end, and from strangers: perl adds the one,
# and takes out what could command a terminal.
# shellcheck disable=SC2016
show='$| = 1; while (sysread STDIN, $m, 65536) { $m =~ tr/\0-\37\177//d; print "from the page: $m\n" }'

# fdsrc makes a buffer of what it reads at a time, and the element a message of that.
exec gst-launch-1.0 -q --no-position periscope name=p \
    fdsrc fd=5 do-timestamp=true ! text/x-raw,format=utf8 ! p.data_0 \
    p.data_src_0 ! fdsink fd=6 async=false \
    5< <("$@") 6> >(perl -e "$show")
