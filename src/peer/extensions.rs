//! RTP header extensions of a line, by the numbers that offer and answer give them (pure).

use crate::media::{playout_delay, transport_feedback};
use crate::signaling::sdp;

/// Numbers of one byte (RFC 8285, section 4.2); sound has no extensions.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extensions {
    pub(crate) playout_delay: Option<u8>,
    pub(crate) transport_feedback: Option<u8>,
}

impl Extensions {
    /// Those that an offer of ours has on a further line: `others` are those of the lines that are
    /// there. In a BUNDLE group a number means the same on all lines (RFC 8843, section 9.1), and
    /// where the other side made the first offer the numbers are its own.
    pub(super) fn offered(others: impl Iterator<Item = Self>) -> Self {
        let known = others.fold(Self::default(), |known, other| Self {
            playout_delay: known.playout_delay.or(other.playout_delay),
            transport_feedback: known.transport_feedback.or(other.transport_feedback),
        });
        let number = |own: Option<u8>, other: Option<u8>, usual: u8| {
            let is_free = |number: &u8| Some(*number) != other;
            own.or_else(|| std::iter::once(usual).chain(1..=14).find(is_free))
        };
        let playout_delay = number(
            known.playout_delay,
            known.transport_feedback,
            playout_delay::ID,
        );
        let transport_feedback = number(
            known.transport_feedback,
            playout_delay,
            transport_feedback::ID,
        );
        Self {
            playout_delay,
            transport_feedback: transport_feedback.filter(|_| transport_feedback::exists()),
        }
    }

    /// Those of an offered line that our answer takes, for a codec with that payload type.
    pub(super) fn answered(line: &sdp::Media, payload_type: u8) -> Self {
        let reports = line.reports_arrivals(payload_type) && transport_feedback::exists();
        Self {
            playout_delay: line.receives_extension(playout_delay::URI),
            transport_feedback: line
                .receives_extension(transport_feedback::URI)
                .filter(|_| reports),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(playout_delay: u8, transport_feedback: u8) -> Extensions {
        Extensions {
            playout_delay: Some(playout_delay),
            transport_feedback: Some(transport_feedback),
        }
    }

    #[test]
    fn a_further_line_has_the_numbers_of_those_that_are_there() {
        gst::init().expect("GStreamer");
        let offered = |others: &[Extensions]| Extensions::offered(others.iter().copied());
        assert_eq!(offered(&[]), numbers(1, 2));
        assert_eq!(offered(&[Extensions::default()]), numbers(1, 2));
        assert_eq!(
            offered(&[Extensions::default(), numbers(5, 4)]),
            numbers(5, 4)
        );
    }

    #[test]
    fn no_number_means_two_things() {
        gst::init().expect("GStreamer");
        let known = |playout_delay, transport_feedback| {
            let known = Extensions {
                playout_delay,
                transport_feedback,
            };
            Extensions::offered([known].into_iter())
        };
        assert_eq!(known(Some(2), None), numbers(2, 1));
        assert_eq!(known(None, Some(1)), numbers(2, 1));
    }
}
