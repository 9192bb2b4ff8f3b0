//! What comes through where the network does no harm.

use super::*;

#[test]
fn a_tone_comes_through_with_its_frequency_and_level_and_without_a_gap() {
    for (coding, packet_ms) in [
        (Coding::Music, 10),
        (Coding::Music, 20),
        (Coding::Voice, 10),
        (Coding::Voice, 20),
    ] {
        let flights = talk(
            &mut Sender::new(coding, packet_ms),
            10_000,
            tone(440.0, 0.5),
        );
        let heard = Bench::default().hear(9_900, flights);
        let what = format!("{coding:?}, {packet_ms} ms");
        let sound = heard.part(1000, 9900);
        let found = frequency(sound, 440.0);
        assert!((found - 440.0).abs() < 0.01, "{what}: {found} Hz");
        let level = 20.0 * (amplitude(sound, 440.0) / 0.5).log10();
        assert!(level.abs() < 0.2, "{what}: {level} dB");
        assert_eq!(silent_ms(sound), 0, "{what}");
        let statistics = heard.statistics();
        assert_eq!(statistics.concealed_samples, 0, "{what}");
        assert_eq!(statistics.lost, 0, "{what}");
        assert_eq!(statistics.compressed_samples, 0, "{what}");
        assert_eq!(statistics.stretched_samples, 0, "{what}");
        assert!(
            (statistics.level + 9.0).abs() < 0.3,
            "{what}: {}",
            statistics.level
        );
        assert!((heard.mixer.level() + 9.0).abs() < 0.3);
    }
}

#[test]
fn on_a_quiet_network_the_delay_is_a_packet_and_little_more_than_ten_milliseconds() {
    for packet_ms in [10, 20] {
        let mut sender = Sender::new(Coding::Music, packet_ms);
        let flights = talk(&mut sender, 5_000, tone(440.0, 0.5));
        let heard = Bench::default().hear(5_000, flights);
        let beyond = heard.delays[400] - packet_ms as f64 - 10.0;
        assert!((0.0..2.5).contains(&beyond), "{packet_ms} ms: {beyond}");
    }
}

#[test]
fn an_impulse_leaves_so_late_as_the_statistics_say() {
    let mut sender = Sender::new(Coding::Music, 10);
    let lookahead = 120.0 / 48.0;
    let flights = talk(&mut sender, 3_000, |at| {
        [if at == 96_000 { 0.9 } else { 0.0 }; 2]
    });
    let heard = Bench::default().hear(3_000, flights);
    let peak = heard
        .sound
        .iter()
        .enumerate()
        .max_by(|(_, one), (_, other)| one[0].abs().total_cmp(&other[0].abs()))
        .map(|(at, _)| at as f64 / 48.0 + 3.3)
        .unwrap();
    // Encoded at 2 s, as the first sample of its packet, which is 5 ms on its way.
    let in_us = peak - 2000.0 - lookahead - 5.0;
    let limiter = 1.0;
    let said = heard.delays[150];
    assert!((in_us - limiter - said).abs() < 0.5, "{in_us} ms, {said}");
}

#[test]
fn left_and_right_stay_apart() {
    let mut sender = Sender::new(Coding::Music, 10);
    let (left, right) = (tone(440.0, 0.4), tone(1000.0, 0.2));
    let flights = talk(&mut sender, 3_000, |at| [left(at)[0], right(at)[1]]);
    let heard = Bench::default().hear(2_900, flights);
    let sound = heard.part(1000, 2900);
    let swapped: Vec<Frame> = sound.iter().map(|[left, right]| [*right, *left]).collect();
    assert!((amplitude(sound, 440.0) - 0.4).abs() < 0.01);
    assert!((amplitude(&swapped, 1000.0) - 0.2).abs() < 0.01);
    assert!(amplitude(sound, 1000.0) < 0.002);
    assert!(amplitude(&swapped, 440.0) < 0.004);
}

#[test]
fn blocks_that_are_fetched_late_are_not_heard() {
    // 30 ms late, then three at once, twice a second; and a bad case of 90 ms.
    let late: fn(usize) -> f64 = |block| match block % 100 {
        at @ 20..23 | at @ 70..73 => 30.0 - 10.0 * (at % 10) as f64,
        at @ 40..49 => 90.0 - 10.0 * (at - 40) as f64,
        _ => 0.0,
    };
    for packet_ms in [10, 20] {
        let flights = talk(
            &mut Sender::new(Coding::Music, packet_ms),
            10_000,
            tone(440.0, 0.5),
        );
        let bench = Bench {
            late,
            ..Bench::default()
        };
        let heard = bench.hear(9_900, flights.clone());
        let punctual = Bench::default().hear(9_900, flights);
        assert_eq!(heard.statistics().concealed_samples, 0);
        assert_eq!(heard.statistics().compressed_samples, 0);
        let differs = |(one, other): (&Frame, &Frame)| one != other;
        let different = heard
            .sound
            .iter()
            .zip(&punctual.sound)
            .filter(|it| differs(*it));
        assert_eq!(different.count(), 0);
    }
}
