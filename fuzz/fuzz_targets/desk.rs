#![no_main]

use gst_plugin_periscope_fuzz::desk;

libfuzzer_sys::fuzz_target!(|acts: Vec<desk::Act<'_>>| desk::play(acts));
