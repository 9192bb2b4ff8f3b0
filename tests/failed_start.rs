//! An element that cannot start leaves nothing running. Alone in its process, because it
//! counts the threads of the whole process.

#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{Bench, wait_until};
use gst::prelude::*;

#[test]
fn a_start_that_fails_leaves_no_thread() {
    let taken = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let data_threads = || {
        std::fs::read_dir("/proc/self/task")
            .unwrap()
            .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
            .filter(|name| name.starts_with("periscope-data"))
            .count()
    };
    let others = data_threads();
    let bench = Bench::prepare(&format!("periscope name=p console=off port={port}"));
    assert!(bench.pipeline.set_state(gst::State::Playing).is_err());
    wait_until("the thread to end", || data_threads() <= others);
}
