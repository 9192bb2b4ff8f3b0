//! What RTCP says of packets that were sent: RFC 4585 (NACK, PLI), RFC 5104 (FIR), and
//! transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01).

use std::time::Duration;

use rtcp_types::{Compound, Fir, Nack, Packet, Pli, Twcc, TwccPacketStatus};

/// One thing that a viewer reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Feedback {
    /// These sequence numbers are missing.
    Missing { ssrc: u32, numbers: Vec<u16> },
    /// It can show nothing before the next key frame.
    KeyFrame { ssrc: u32 },
    /// By transport-wide numbers, when packets arrived, by the viewer's clock; none: not so
    /// far.
    Arrivals(Vec<(u16, Option<Duration>)>),
}

/// Most packets of one report; a second of 100 Mbit/s.
const MOST: usize = 10_000;

/// Most packets that one report may name as missing: browsers give up before.
const MOST_MISSING: usize = 1_000;

/// Most things that are read of one packet.
const MOST_THINGS: usize = 32;

/// Reads a packet of RTCP. What is none, or is about something else, gives nothing. The flag
/// tells whether it has nothing else.
pub(super) fn read(packet: &[u8]) -> (Vec<Feedback>, bool) {
    let Ok(compound) = Compound::parse(packet) else {
        return (Vec::new(), false);
    };
    let mut found = Vec::new();
    let mut only_arrivals = true;
    for part in compound.map_while(Result::ok) {
        let feedback = one(&part);
        only_arrivals &= matches!(feedback.as_slice(), [Feedback::Arrivals(_)]);
        for thing in feedback {
            if found.len() < MOST_THINGS && !found.contains(&thing) {
                found.push(thing);
            }
        }
    }
    only_arrivals &= !found.is_empty();
    (found, only_arrivals)
}

fn one(packet: &Packet<'_>) -> Vec<Feedback> {
    match packet {
        Packet::TransportFeedback(feedback) => {
            if let Ok(nack) = feedback.parse_fci::<Nack<'_>>() {
                let mut numbers: Vec<u16> = nack.entries().take(MOST_MISSING).collect();
                numbers.dedup();
                return vec![Feedback::Missing {
                    ssrc: feedback.media_ssrc(),
                    numbers,
                }];
            }
            match feedback.parse_fci::<Twcc<'_>>() {
                Ok(arrivals) => vec![Feedback::Arrivals(times(&arrivals))],
                Err(_) => Vec::new(),
            }
        }
        Packet::PayloadFeedback(feedback) => {
            if feedback.parse_fci::<Pli<'_>>().is_ok() {
                return vec![Feedback::KeyFrame {
                    ssrc: feedback.media_ssrc(),
                }];
            }
            let Ok(wanted) = feedback.parse_fci::<Fir<'_>>() else {
                return Vec::new();
            };
            // The streams are named in there, not in front.
            let entries = wanted.entries().take(MOST_THINGS);
            entries
                .map(|entry| Feedback::KeyFrame { ssrc: entry.ssrc() })
                .collect()
        }
        _ => Vec::new(),
    }
}

fn times(report: &Twcc<'_>) -> Vec<(u16, Option<Duration>)> {
    // Units of 64 ms, and of 250 µs.
    let mut micros = i64::from(report.reference_time()) * 64_000;
    report
        .packets()
        .map_while(Result::ok)
        .take(MOST)
        .map(|(number, status)| match status {
            TwccPacketStatus::NotReceived => (number, None),
            TwccPacketStatus::Received { delta } => {
                micros += i64::from(delta) * 250;
                let at = u64::try_from(micros).unwrap_or_default();
                (number, Some(Duration::from_micros(at)))
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rtcp_types::prelude::*;
    use rtcp_types::{PayloadFeedback, ReceiverReport, TransportFeedback};

    fn written(packet: impl RtcpPacketWriter) -> Vec<u8> {
        let mut bytes = vec![0; packet.calculate_size().expect("a size")];
        packet.write_into(&mut bytes).expect("written");
        bytes
    }

    fn arrivals(statuses: &[TwccPacketStatus]) -> Vec<u8> {
        let twcc = Twcc::builder(65_535, 100, 0, statuses, None);
        written(TransportFeedback::builder_owned(twcc).media_ssrc(5))
    }

    #[test]
    fn missing_packets_are_named() {
        let nack = Nack::builder().add_rtp_sequence(7).add_rtp_sequence(9);
        let packet = written(TransportFeedback::builder_owned(nack).media_ssrc(5));
        let expected = Feedback::Missing {
            ssrc: 5,
            numbers: vec![7, 9],
        };
        assert_eq!(read(&packet), (vec![expected], false));
    }

    #[test]
    fn both_wishes_for_a_key_frame_are_understood() {
        let pli = written(PayloadFeedback::builder_owned(Pli::builder()).media_ssrc(5));
        let fir = Fir::builder().add_ssrc(6, 1).add_ssrc(7, 1);
        let fir = written(PayloadFeedback::builder_owned(fir));
        assert_eq!(read(&pli).0, [Feedback::KeyFrame { ssrc: 5 }]);
        let wanted = read(&fir).0;
        assert_eq!(wanted.len(), 2);
        for ssrc in [6, 7] {
            assert!(wanted.contains(&Feedback::KeyFrame { ssrc }), "{wanted:?}");
        }
        let often = pli.repeat(1_000);
        assert_eq!(read(&often).0, [Feedback::KeyFrame { ssrc: 5 }]);
        let report = written(ReceiverReport::builder(1));
        assert_eq!(
            read(&[report, pli].concat()).0,
            [Feedback::KeyFrame { ssrc: 5 }]
        );
    }

    #[test]
    fn nobody_names_more_than_can_be_missing() {
        // Each entry names 17 packets (RFC 4585, section 6.2.1).
        let mut packet = vec![0x81, 205, 0x0f, 0xff, 0, 0, 0, 1, 0, 0, 0, 5];
        packet.resize(4 * 0x1000, 0xff);
        let (found, _) = read(&packet);
        let [Feedback::Missing { numbers, .. }] = found.as_slice() else {
            panic!("{found:?}");
        };
        assert!(numbers.len() <= MOST_MISSING);
    }

    #[test]
    fn arrivals_have_their_times() {
        let statuses = [
            TwccPacketStatus::Received { delta: 4 },
            TwccPacketStatus::NotReceived,
            TwccPacketStatus::Received { delta: -2 },
        ];
        let expected = Feedback::Arrivals(vec![
            (65_535, Some(Duration::from_micros(6_401_000))),
            (0, None),
            (1, Some(Duration::from_micros(6_400_500))),
        ]);
        assert_eq!(read(&arrivals(&statuses)), (vec![expected], true));
    }

    #[test]
    fn what_is_beside_it_is_noticed() {
        let report = written(ReceiverReport::builder(1));
        let packet = [report, arrivals(&[TwccPacketStatus::NotReceived])].concat();
        let (found, only_arrivals) = read(&packet);
        assert_eq!(found.len(), 1);
        assert!(!only_arrivals);
    }

    proptest! {
        #[test]
        fn nothing_that_comes_does_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            read(&bytes);
        }

        /// Also where most of it is right.
        #[test]
        fn a_broken_report_does_no_harm(
            at in 0_usize..40,
            byte in any::<u8>(),
            cut in 0_usize..12,
        ) {
            let mut packet = arrivals(&[TwccPacketStatus::Received { delta: 300 }; 9]);
            let length = packet.len();
            if let Some(place) = packet.get_mut(at % length) {
                *place = byte;
            }
            packet.truncate(length - cut);
            // The length that it announces is that which it has.
            if let Some(words) = u16::try_from(packet.len() / 4).ok().and_then(|w| w.checked_sub(1)) {
                packet[2..4].copy_from_slice(&words.to_be_bytes());
            }
            read(&packet);
        }
    }
}
