//! Viewers that come and go leave nothing behind. Alone in its process, because it counts
//! what the whole process has open.

#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{ALL, Bench, wait_until};

fn entries(directory: &str) -> usize {
    std::fs::read_dir(directory).unwrap().count()
}

#[test]
fn thirty_viewers_that_come_and_go_leave_no_thread_and_no_descriptor() {
    let bench = Bench::start(
        "periscope name=p http=false console=off \
         videotestsrc is-live=true ! video/x-raw,width=64,height=64 ! p. \
         audiotestsrc is-live=true ! p.",
    );
    let cycle = || {
        let viewer = bench.connect(ALL);
        viewer.wait_packets("H264", 3);
        assert!(bench.drop_peer(viewer.peer));
        bench.wait_peer(viewer.peer, "closed");
    };
    // The first ones bring what stays: thread pools, the certificate, plugins.
    for _ in 0..3 {
        cycle();
    }
    wait_until("the first viewers to be gone", || bench.peers().is_empty());
    let (threads, descriptors) = (entries("/proc/self/task"), entries("/proc/self/fd"));
    for _ in 0..30 {
        cycle();
    }
    wait_until("the threads of the viewers to end", || {
        entries("/proc/self/task") <= threads
    });
    wait_until("the descriptors of the viewers to be closed", || {
        entries("/proc/self/fd") <= descriptors
    });
}
