//! Merges the key-frame requests of all viewers into as few as do the job.
//!
//! Pure: knows no clock and no encoder. One instance per encoded stream.

use std::time::Duration;

/// The least time from one key frame to the next that is requested. A viewer that
/// loses packets all the time must not turn the stream of all the others into key
/// frames, and a newcomer must not wait long: both hold at a tenth of a second.
pub(crate) const MIN_DISTANCE: Duration = Duration::from_millis(100);

/// When a request that was passed on has not been answered by a key frame after
/// this time, it is passed on again. Cameras may ignore requests.
pub(crate) const REPEAT_AFTER: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nobody waits for a key frame.
    Quiet,
    /// Somebody asked too soon after the last key frame: ask when time has come.
    Deferred,
    /// A request was passed on at that time and has not been answered yet.
    Requested(Duration),
}

/// State of the requests for one encoded stream.
#[derive(Debug)]
pub(crate) struct KeyFrameRequests {
    state: State,
    last_key_frame: Option<Duration>,
}

impl KeyFrameRequests {
    pub(crate) const fn new() -> Self {
        Self {
            state: State::Quiet,
            last_key_frame: None,
        }
    }

    /// A viewer wants a key frame. True if the encoder is to be asked now.
    pub(crate) fn request(&mut self, now: Duration) -> bool {
        if let State::Requested(at) = self.state
            && now.saturating_sub(at) < REPEAT_AFTER
        {
            return false;
        }
        let too_soon = self
            .last_key_frame
            .is_some_and(|last| now.saturating_sub(last) < MIN_DISTANCE);
        if too_soon {
            self.state = State::Deferred;
            false
        } else {
            self.state = State::Requested(now);
            true
        }
    }

    /// A frame came out of the encoder. True if the encoder is to be asked now.
    pub(crate) fn frame(&mut self, now: Duration, is_key_frame: bool) -> bool {
        if is_key_frame {
            self.last_key_frame = Some(now);
            self.state = State::Quiet;
            return false;
        }
        self.state == State::Deferred && self.request(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(value: u64) -> Duration {
        Duration::from_millis(value)
    }

    #[test]
    fn the_first_request_is_passed_on_at_once() {
        assert!(KeyFrameRequests::new().request(ms(0)));
    }

    #[test]
    fn requests_of_many_viewers_become_one() {
        let mut requests = KeyFrameRequests::new();
        let passed = (0..50).filter(|i| requests.request(ms(*i))).count();
        assert_eq!(passed, 1);
    }

    #[test]
    fn a_request_soon_after_a_key_frame_is_kept_for_later() {
        let mut requests = KeyFrameRequests::new();
        requests.frame(ms(1000), true);
        assert!(!requests.request(ms(1010)));
        assert!(!requests.frame(ms(1033), false));
        assert!(!requests.frame(ms(1066), false));
        assert!(
            requests.frame(ms(1100), false),
            "asked when the time has come"
        );
        assert!(!requests.frame(ms(1133), false), "and asked once");
    }

    #[test]
    fn a_key_frame_answers_all_waiting_requests() {
        let mut requests = KeyFrameRequests::new();
        requests.frame(ms(1000), true);
        assert!(!requests.request(ms(1010)));
        requests.frame(ms(1050), true);
        assert!(!requests.frame(ms(1200), false), "nobody waits any more");
    }

    #[test]
    fn an_ignored_request_is_repeated_when_asked_again() {
        let mut requests = KeyFrameRequests::new();
        assert!(requests.request(ms(0)));
        assert!(!requests.request(ms(499)));
        assert!(requests.request(ms(500)));
    }
}
