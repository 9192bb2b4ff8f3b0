//! What keeps the delay: drift, and steps of the way or the clock.

use super::*;

/// A sender whose clock runs so fast. Its tone repeats after five packets, so that only
/// the first second is encoded.
fn drifting(minutes: usize, ppm: f64) -> Vec<Flight> {
    let mut sender = Sender::new(Coding::Music, 20);
    let encoded: Vec<Vec<u8>> = (0..50).map(|_| sender.encode(tone(440.0, 0.5))).collect();
    let later = encoded[25..].iter().cycle();
    let all = encoded.iter().chain(later).take(minutes * 3000);
    all.enumerate()
        .map(|(number, opus)| Flight {
            arrival: (number as f64 * 20.0 + 25.0) / (1.0 + ppm / 1e6),
            talker: TALKER,
            rtp: sender.send(opus),
        })
        .collect()
}

fn drift_is_taken_up(ppm: f64) {
    let heard = Bench::default().hear(598_000, drifting(10, ppm));
    let statistics = heard.statistics();
    assert_eq!(statistics.concealed_samples, 0, "{statistics:?}");
    let settled = &heard.delays[1000..];
    let least = settled.iter().copied().fold(f64::MAX, f64::min);
    let most = settled.iter().copied().fold(f64::MIN, f64::max);
    println!("{ppm} ppm: {least:.1} to {most:.1} ms, {statistics:?}");
    assert!(least > 28.0 && most < 36.0, "{least} to {most} ms");
    // By the resampler alone: 600 s * 48 kHz * 500 ppm.
    let changed = statistics.compressed_samples + statistics.stretched_samples;
    assert!((13_500..15_000).contains(&changed), "{changed}");
    let sound = heard.part(10_000, 598_000);
    let rough = roughness(sound);
    assert!(rough < 1.05 * smooth(440.0, 0.5), "{rough}");
    let found = frequency(heard.part(500_000, 500_500), 440.0);
    let wanted = 440.0 * (1.0 + ppm / 1e6);
    assert!((found - wanted).abs() < 0.02, "{found} Hz, {wanted} Hz");
}

#[test]
fn a_sender_with_a_fast_clock_is_followed_for_ten_minutes() {
    drift_is_taken_up(500.0);
}

#[test]
fn a_sender_with_a_slow_clock_is_followed_for_ten_minutes() {
    drift_is_taken_up(-500.0);
}

#[test]
fn a_longer_way_is_followed_within_three_seconds_and_a_shorter_one_too() {
    let mut flights = talk(
        &mut Sender::new(Coding::Music, 10),
        30_000,
        tone(440.0, 0.5),
    );
    for flight in &mut flights {
        if (10_000.0..20_000.0).contains(&flight.arrival) {
            flight.arrival += 70.0;
        }
    }
    let heard = Bench::default().hear(29_900, flights);
    println!("{:?}", heard.statistics());
    assert!(heard.statistics().concealed_samples <= 48 * 80);
    assert!(heard.delays[1300] < 65.0, "{}", heard.delays[1300]);
    assert!(heard.delays[2300] < 65.0, "{}", heard.delays[2300]);
    assert!(heard.delays[2980] < 65.0);
}

#[test]
fn blocks_that_were_not_fetched_at_all_do_not_leave_a_delay() {
    let mut flights = talk(
        &mut Sender::new(Coding::Music, 10),
        20_000,
        tone(440.0, 0.5),
    );
    // The bench is held up for three seconds: to it, packets come faster from then on.
    flights.retain(|flight| flight.arrival < 20_000.0);
    let bench = Bench {
        late: |block| if block < 500 { 0.0 } else { 3000.0 },
        ..Bench::default()
    };
    let heard = bench.hear(16_000, flights);
    assert!(heard.delays[1500] < 25.0, "{}", heard.delays[1500]);
    assert_eq!(silent_ms(heard.part(8000, 15_900)), 0);
}
