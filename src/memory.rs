//! Gives memory back to the system.
//!
//! Each peer has a dozen threads, and glibc keeps what threads free in arenas of their own,
//! scattered: a bench that has seen five hundred viewers come and go held twice the memory
//! of a new one, most of it free.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// While viewers are there it is done this seldom: allocations wait meanwhile, for some
/// milliseconds on a small computer.
const SELDOM: Duration = Duration::from_secs(60);

static LAST: Mutex<Option<Instant>> = Mutex::new(None);

/// To be called when something large has ended, on a thread that has nothing else to do;
/// `quiet` if nobody is there who could be disturbed.
pub(crate) fn give_back(quiet: bool) {
    let now = Instant::now();
    let due = {
        let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        let due = quiet || last.is_none_or(|at| now.duration_since(at) >= SELDOM);
        if due {
            *last = Some(now);
        }
        due
    };
    if due {
        trim();
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn trim() {
    // SAFETY: malloc_trim(3) may be called at any time from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Other allocators give back by themselves, or cannot.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn trim() {}
