#![no_main]

use gst_plugin_periscope_fuzz::framing;

libfuzzer_sys::fuzz_target!(|line: framing::Line<'_>| framing::listen(&line));
