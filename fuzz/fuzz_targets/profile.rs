#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gst_plugin_periscope_fuzz::profile(bytes));
