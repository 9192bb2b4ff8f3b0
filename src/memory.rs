//! Keeps the process small while viewers come and go.
//!
//! Each peer has a dozen threads. glibc gives threads up to eight arenas for each core, and
//! what threads free stays in those, scattered: a bench that has seen five hundred viewers
//! come and go held twice the memory of a new one, most of it free. With few arenas it
//! stays where it was. `benches/churn.mjs` measures it.

use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

/// While viewers are there memory is given back this seldom: allocations wait meanwhile,
/// for some milliseconds on a small computer.
const SELDOM: Duration = Duration::from_secs(60);

/// One, whose lock all threads share: each keeps up to a kilobyte of a size for itself, so
/// that few come to it.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const ARENAS: libc::c_int = 1;

static LAST: Mutex<Option<Instant>> = Mutex::new(None);

/// To be called before the first peers have threads. What a person has set in the
/// environment (`MALLOC_ARENA_MAX`, `GLIBC_TUNABLES`; mallopt(3)) holds.
pub(crate) fn spare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let is_set = std::env::var_os("MALLOC_ARENA_MAX").is_some()
            || std::env::var("GLIBC_TUNABLES")
                .is_ok_and(|tunables| tunables.contains("glibc.malloc.arena_max"));
        if !is_set {
            limit_arenas();
        }
    });
}

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
fn limit_arenas() {
    // SAFETY: mallopt(3) may be called at any time from any thread; it refuses what it does
    // not know.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, ARENAS);
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn trim() {
    // SAFETY: malloc_trim(3) may be called at any time from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Other allocators have no such arenas.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn limit_arenas() {}

/// Other allocators give back by themselves, or cannot.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn trim() {}
