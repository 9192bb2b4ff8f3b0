#![no_main]

use gst_plugin_periscope_fuzz::talkers;

libfuzzer_sys::fuzz_target!(|acts: Vec<talkers::Act<'_>>| talkers::talk(&acts));
