//! What no sender sends, or one that is up to no good.

use proptest::prelude::*;

use super::*;

fn samples_are_good(mixer: &mut Mixer, now: f64) -> bool {
    let mut out = [0.0; 2 * BLOCK];
    mixer.mix(ms(now), &mut out);
    out.iter().all(|sample| sample.abs() <= 0.8913)
}

#[test]
fn what_is_malformed_is_counted_and_not_heard() {
    let good = talk(&mut Sender::new(Coding::Music, 10), 3_000, tone(440.0, 0.5));
    let mut flights = good.clone();
    for (number, flight) in good.iter().enumerate() {
        let mut bad = flight.clone();
        match number % 5 {
            0 => bad.rtp.truncate(11),
            1 => bad.rtp[0] = 0x40,
            // Padding, of more than there is.
            2 => {
                bad.rtp[0] |= 0x20;
                bad.rtp.push(255);
                bad.rtp.truncate(60);
                bad.rtp[59] = 255;
            }
            // Fifteen sources, and an end.
            3 => {
                bad.rtp[0] |= 0x0f;
                bad.rtp.truncate(30);
            }
            _ => bad.rtp.clear(),
        }
        flights.push(bad);
    }
    let heard = Bench::default().hear(2_900, flights);
    let clean = Bench::default().hear(2_900, good);
    assert_eq!(heard.sound, clean.sound);
    assert_eq!(heard.statistics().malformed, heard.statistics().packets);
}

#[test]
fn packets_that_nobody_fetches_are_not_kept_for_ever() {
    let mut mixer = Mixer::new(MixerSettings::default());
    mixer.enter(TALKER, PAYLOAD_TYPE).unwrap();
    let flights = talk(
        &mut Sender::new(Coding::Music, 10),
        20_000,
        tone(440.0, 0.5),
    );
    for flight in &flights {
        mixer.packet(TALKER, &flight.rtp, ms(flight.arrival));
    }
    for block in 0..100 {
        assert!(samples_are_good(
            &mut mixer,
            20_005.0 + f64::from(block) * 10.0
        ));
    }
    assert!(mixer.statistics(TALKER).unwrap().late > 200);
}

/// Something happens.
#[derive(Debug, Clone)]
enum Act {
    Bytes(Vec<u8>),
    /// One of the right form with any numbers.
    Packet(u8, u16, u32, Vec<u8>),
    /// The next of a good sender, with one byte changed.
    Bent(usize, u8),
    Good,
    Heard(bool),
    Again,
    Pass(u32),
}

fn act() -> impl Strategy<Value = Act> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..80);
    prop_oneof![
        bytes().prop_map(Act::Bytes),
        (any::<u8>(), any::<u16>(), any::<u32>(), bytes()).prop_map(
            |(ssrc, sequence, timestamp, opus)| Act::Packet(ssrc % 3, sequence, timestamp, opus)
        ),
        (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Act::Bent(at, byte)),
        Just(Act::Good),
        any::<bool>().prop_map(Act::Heard),
        Just(Act::Again),
        (0..20_000_u32).prop_map(Act::Pass),
        any::<u32>().prop_map(Act::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn nothing_that_comes_makes_it_panic_or_clip(
        acts in proptest::collection::vec(act(), 0..150),
    ) {
        let mut mixer = Mixer::new(MixerSettings::default());
        mixer.enter(TALKER, PAYLOAD_TYPE).unwrap();
        let mut sender = Sender::new(Coding::Voice, 20);
        let mut now = 0.0;
        for act in acts {
            let rtp = match act {
                Act::Bytes(bytes) => bytes,
                Act::Packet(ssrc, sequence, timestamp, opus) => {
                    let (was, at) = (sender.sequence, sender.timestamp);
                    sender.ssrc = ssrc.into();
                    (sender.sequence, sender.timestamp) = (sequence, timestamp);
                    let rtp = sender.send(&opus);
                    (sender.sequence, sender.timestamp) = (was, at);
                    rtp
                }
                Act::Bent(at, byte) => {
                    let mut rtp = sender.next(speech);
                    let at = at % rtp.len();
                    rtp[at] = byte;
                    rtp
                }
                Act::Good => sender.next(speech),
                Act::Heard(heard) => {
                    mixer.set_heard(TALKER, heard);
                    continue;
                }
                Act::Again => {
                    mixer.enter(TALKER, PAYLOAD_TYPE).unwrap();
                    continue;
                }
                Act::Pass(microseconds) => {
                    now += f64::from(microseconds) / 1000.0;
                    continue;
                }
            };
            mixer.packet(TALKER, &rtp, ms(now));
            prop_assert!(samples_are_good(&mut mixer, now));
            let statistics = mixer.statistics(TALKER).unwrap();
            prop_assert!(statistics.recovered <= statistics.lost + 1);
        }
    }
}

#[test]
fn any_time_is_a_time() {
    let mut mixer = Mixer::new(MixerSettings {
        min_delay: Duration::MAX,
        max_delay: Duration::ZERO,
    });
    mixer.enter(TALKER, PAYLOAD_TYPE).unwrap();
    let mut sender = Sender::new(Coding::Voice, 20);
    for time in [Duration::MAX, Duration::ZERO, Duration::from_secs(1 << 40)] {
        mixer.packet(TALKER, &sender.next(speech), time);
        mixer.mix(time, &mut [0.0; 2 * BLOCK]);
    }
    assert!(mixer.statistics(TALKER).is_some());
}
