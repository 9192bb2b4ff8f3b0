//! Senders that pause, have nothing to say, or start anew.

use super::*;

/// So long after what was sent before, in ms.
fn later(mut flights: Vec<Flight>, by: f64) -> Vec<Flight> {
    for flight in &mut flights {
        flight.arrival += by;
    }
    flights
}

/// A second, a pause, and a second: the timestamp goes on in the pause or not.
fn with_pause(pause_ms: usize, timestamp_goes_on: bool) -> Vec<Flight> {
    let mut sender = Sender::new(Coding::Music, 20);
    let mut flights = talk(&mut sender, 1000, tone(440.0, 0.5));
    if timestamp_goes_on {
        sender.timestamp = sender.timestamp.wrapping_add(pause_ms as u32 * 48);
    }
    let after = talk(&mut sender, 1000, tone(440.0, 0.5));
    flights.extend(later(after, pause_ms as f64));
    flights
}

#[test]
fn after_a_pause_of_minutes_a_talker_is_heard_at_once_and_with_little_delay() {
    for timestamp_goes_on in [true, false] {
        let flights = with_pause(180_000, timestamp_goes_on);
        let heard = Bench::default().hear(181_900, flights);
        let statistics = heard.statistics();
        assert_eq!(statistics.concealed_samples, 0, "{statistics:?}");
        assert_eq!(statistics.lost, 0);
        assert_eq!(statistics.malformed, 0);
        assert!(silent_ms(heard.part(1130, 181_000)) >= 181_000 - 1132);
        let silent = silent_ms(heard.part(181_000, 181_900));
        assert!((20..=40).contains(&silent), "{silent} ms");
        let delay = heard.delays[18_150];
        assert!((30.0..33.0).contains(&delay), "{delay}");
        let rough = roughness(heard.part(100, 181_900));
        assert!(rough < 2.0 * smooth(440.0, 0.5), "{rough}");
    }
}

#[test]
fn short_pauses_are_no_loss_whatever_the_timestamp_does() {
    for pause_ms in [40, 100, 200, 400, 900, 2000] {
        let heard = Bench::default().hear(pause_ms + 1900, with_pause(pause_ms, true));
        let statistics = heard.statistics();
        assert_eq!(statistics.lost, 0);
        assert_eq!(statistics.late, 0);
        // While nothing comes, it may be late: as long as that lasts, and 100 ms at most.
        let concealed = statistics.concealed_samples as usize;
        assert!(
            concealed <= 48 * pause_ms.min(100),
            "{pause_ms} ms: {concealed}"
        );
        let delay = heard.delays[(pause_ms + 1800) / 10];
        assert!((30.0..45.0).contains(&delay), "{pause_ms} ms: {delay}");
    }
}

#[test]
fn discontinuous_transmission_is_silence_and_no_loss() {
    // Two seconds of voice and two of nothing, in turn.
    let signal = |at: usize| match at / 96_000 % 2 {
        0 => speech(at),
        _ => [0.0; 2],
    };
    for sends_short_packets in [true, false] {
        let mut sender = Sender::new(Coding::VoiceWithDtx, 20);
        let mut flights = Vec::new();
        let mut short = 0;
        for _ in 0..1000 {
            let opus = sender.encode(signal);
            let is_short = opus.len() <= 2;
            short += usize::from(is_short);
            if is_short && !sends_short_packets {
                // Neither is the packet sent nor its number used.
                sender.timestamp = sender.timestamp.wrapping_add(sender.packet as u32);
                continue;
            }
            flights.push(Flight {
                arrival: sender.at as f64 / 48.0 + 5.0,
                talker: TALKER,
                rtp: sender.send(&opus),
            });
        }
        assert!(short > 200, "{short}");
        let heard = Bench::default().hear(19_900, flights);
        let statistics = heard.statistics();
        println!("{sends_short_packets}: {short} {statistics:?}");
        assert_eq!((statistics.lost, statistics.late), (0, 0));
        let begins = if sends_short_packets { 0 } else { 5 * 100 };
        assert!(
            statistics.concealed_samples <= begins * 48,
            "{statistics:?}"
        );
        for turn in 1..4 {
            let silent = heard.part(turn * 4000 + 3000, turn * 4000 + 3900);
            assert!(10.0 * super::super::level::power(silent).log10() < -60.0);
            let loud = heard.part(turn * 4000 + 100, turn * 4000 + 1900);
            assert!(10.0 * super::super::level::power(loud).log10() > -25.0);
        }
    }
}

/// A second before and a second after something that `act` does to the sender.
fn around(act: impl Fn(&mut Sender)) -> Heard {
    let mut sender = Sender::new(Coding::Music, 10);
    let mut flights = talk(&mut sender, 2000, tone(440.0, 0.5));
    act(&mut sender);
    flights.extend(talk(&mut sender, 2000, tone(440.0, 0.5)));
    Bench::default().hear(3_900, flights)
}

#[test]
fn jumps_of_the_sequence_or_the_timestamp_are_not_heard() {
    for jump in [1_000_000_000_u32, 3_000_000_000, 100_000] {
        let heard = around(|sender| sender.timestamp = sender.timestamp.wrapping_add(jump));
        assert_eq!(heard.statistics().concealed_samples, 0, "{jump}");
        assert_eq!(silent_ms(heard.part(100, 3_900)), 0);
        let rough = roughness(heard.part(100, 3_900));
        assert!(rough < 1.2 * smooth(440.0, 0.5), "{rough}");
    }
    // One packet is not believed; it is as if it was lost.
    let heard = around(|sender| sender.sequence = sender.sequence.wrapping_add(20_000));
    let statistics = heard.statistics();
    assert!(statistics.concealed_samples <= 960, "{statistics:?}");
    assert_eq!(silent_ms(heard.part(100, 3_900)), 0);
}

#[test]
fn a_new_source_follows_the_old_one_without_a_gap() {
    let heard = around(|sender| {
        sender.ssrc = 77;
        sender.sequence = 5;
        sender.timestamp = 1_234_567_890;
    });
    assert_eq!(heard.statistics().concealed_samples, 0);
    assert!(silent_ms(heard.part(100, 3_900)) < 5);
    assert!((20.0..23.0).contains(&heard.delays[350]));
}

#[test]
fn a_sender_may_change_the_length_of_its_packets() {
    let mut flights = Vec::new();
    let mut timestamp = 0;
    let mut sequence = 0;
    let mut at = 0;
    for packet_ms in [10, 20, 60, 20, 10] {
        let mut sender = Sender::new(Coding::Voice, packet_ms);
        (sender.timestamp, sender.sequence, sender.at) = (timestamp, sequence, at);
        flights.extend(talk(&mut sender, 3000, tone(440.0, 0.5)));
        (timestamp, sequence, at) = (sender.timestamp, sender.sequence, sender.at);
    }
    let heard = Bench::default().hear(14_900, flights);
    let statistics = heard.statistics();
    assert_eq!(statistics.lost, 0);
    // Until the first long packet is there.
    assert!(statistics.concealed_samples <= 48 * 70, "{statistics:?}");
    assert_eq!(silent_ms(heard.part(200, 14_900)), 0);
    assert!(
        (70.0..75.0).contains(&heard.delays[850]),
        "{}",
        heard.delays[850]
    );
    assert!(
        (20.0..25.0).contains(&heard.delays[1450]),
        "{}",
        heard.delays[1450]
    );
}
