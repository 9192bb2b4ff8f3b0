//! Packets that come late, twice, in another order, or not at all.

use super::super::rtp;
use super::*;

fn voice(packet_ms: usize, length_ms: usize) -> Vec<Flight> {
    talk(
        &mut Sender::new(Coding::Voice, packet_ms),
        length_ms,
        speech,
    )
}

/// Takes out this share of the packets at random. Gives how many of them the packet that
/// follows can restore: it is there, and the encoder took what was lost for voice.
fn lose(flights: &mut Vec<Flight>, share: f64) -> usize {
    let mut dice = Dice::new(7);
    let lost: Vec<bool> = flights.iter().map(|_| dice.roll() < share).collect();
    let corrects = |flight: &Flight| {
        let packet = rtp::read(&flight.rtp, PAYLOAD_TYPE).unwrap();
        packet.opus.is_some_and(|opus| opus.correction > 0)
    };
    let restorable = (1..flights.len())
        .filter(|&at| lost[at - 1] && !lost[at] && corrects(&flights[at]))
        .count();
    let mut lost = lost.into_iter();
    flights.retain(|_| !lost.next().unwrap_or(false));
    restorable
}

#[test]
fn at_five_percent_loss_with_forward_error_correction_hardly_anything_is_made_up() {
    for packet_ms in [10, 20] {
        let mut flights = voice(packet_ms, 60_000);
        let restorable = lose(&mut flights, 0.05);
        let heard = Bench::default().hear(60_000, flights);
        let statistics = heard.statistics();
        println!("{packet_ms} ms: {:.2} % {statistics:?}", heard.concealed());
        assert!(
            heard.concealed() <= 1.0,
            "{packet_ms} ms: {}",
            heard.concealed()
        );
        let lost = statistics.lost as f64;
        assert!((0.04..0.06).contains(&(lost / (60_000.0 / packet_ms as f64))));
        // All but the first, by which the delay is learned.
        assert!(statistics.recovered as usize + 2 >= restorable);
        assert!(heard.delays[5900] <= 60.0);
    }
}

#[test]
fn at_fifteen_percent_loss_what_two_losses_in_a_row_leave_is_made_up() {
    for packet_ms in [10, 20] {
        let mut flights = voice(packet_ms, 60_000);
        let restorable = lose(&mut flights, 0.15);
        let heard = Bench::default().hear(60_000, flights);
        println!(
            "{packet_ms} ms: {:.2} % {:?}",
            heard.concealed(),
            heard.statistics()
        );
        assert!(heard.statistics().recovered as usize + 2 >= restorable);
        assert!(
            heard.concealed() <= 4.0,
            "{packet_ms} ms: {}",
            heard.concealed()
        );
    }
}

#[test]
fn without_forward_error_correction_as_much_is_made_up_as_is_lost() {
    for (share, packet_ms) in [(0.05, 10), (0.05, 20), (0.15, 10), (0.15, 20)] {
        let mut sender = Sender::new(Coding::VoiceWithoutFec, packet_ms);
        let mut flights = talk(&mut sender, 30_000, speech);
        lose(&mut flights, share);
        let heard = Bench::default().hear(30_000, flights);
        let concealed = heard.concealed();
        println!(
            "{share} {packet_ms} ms: {concealed:.2} % {:?}",
            heard.statistics()
        );
        let share = heard.statistics().lost as f64 * packet_ms as f64 / 30_000.0;
        assert!(
            (0.95..1.1).contains(&(concealed / 100.0 / share)),
            "{concealed}"
        );
        assert_eq!(heard.statistics().recovered, 0);
    }
}

#[test]
fn jitter_of_thirty_milliseconds_is_taken_up_within_a_second() {
    for packet_ms in [10, 20] {
        let mut dice = Dice::new(3);
        let mut flights = voice(packet_ms, 30_000);
        for flight in &mut flights {
            flight.arrival += 30.0 * dice.roll();
        }
        let heard = Bench::default().hear(30_000, flights);
        let statistics = heard.statistics();
        println!("{packet_ms} ms: {:.3} % {statistics:?}", heard.concealed());
        assert_eq!(statistics.lost, statistics.late);
        assert!(statistics.concealed_samples < 48 * 60, "{statistics:?}");
        let most = packet_ms as f64 + 45.0;
        let delays = &heard.delays[100..];
        assert!(delays.iter().all(|delay| (40.0..most).contains(delay)));
    }
}

/// Nothing comes for 50 ms each second, then all at once.
fn burst(flights: &mut [Flight]) {
    for flight in flights {
        let into = flight.arrival % 1000.0;
        if (500.0..550.0).contains(&into) {
            flight.arrival += 550.0 - into;
        }
    }
}

#[test]
fn bursts_of_wireless_networks_are_taken_up_after_the_first() {
    for packet_ms in [10, 20] {
        let mut flights = talk(
            &mut Sender::new(Coding::Music, packet_ms),
            30_000,
            tone(440.0, 0.5),
        );
        burst(&mut flights);
        let bench = Bench {
            settings: MixerSettings {
                max_delay: Duration::from_millis(100),
                ..MixerSettings::default()
            },
            ..Bench::default()
        };
        let heard = bench.hear(30_000, flights.clone());
        let statistics = heard.statistics();
        println!("{packet_ms} ms: {statistics:?}");
        assert!(statistics.concealed_samples <= 48 * 50, "{statistics:?}");
        let rough = roughness(heard.part(2000, 29_000));
        assert!(rough < 1.2 * smooth(440.0, 0.5), "{rough}");
        // With less delay than that would need it is a little in each.
        let heard = Bench::default().hear(30_000, flights);
        println!(
            "{packet_ms} ms: {:.2} % {:?}",
            heard.concealed(),
            heard.statistics()
        );
        assert!(heard.concealed() < 2.0);
        assert_eq!(heard.statistics().lost, 0);
    }
}

#[test]
fn the_delay_falls_again_when_the_network_is_quiet() {
    let mut flights = talk(
        &mut Sender::new(Coding::Music, 10),
        30_000,
        tone(440.0, 0.5),
    );
    burst(&mut flights[..500]);
    let heard = Bench::default().hear(30_000, flights);
    assert!(heard.delays[600] > 50.0, "{}", heard.delays[600]);
    assert!(heard.delays[2900] < 25.0, "{}", heard.delays[2900]);
    assert!(heard.statistics().compressed_samples > 48 * 25);
    let rough = roughness(heard.part(6000, 29_000));
    assert!(rough < 1.2 * smooth(440.0, 0.5), "{rough}");
}

#[test]
fn reordered_packets_are_put_in_order() {
    let mut flights = talk(
        &mut Sender::new(Coding::Music, 10),
        20_000,
        tone(440.0, 0.5),
    );
    for number in (0..flights.len() - 2).step_by(7) {
        flights[number].arrival += 12.0;
    }
    let in_order = talk(
        &mut Sender::new(Coding::Music, 10),
        20_000,
        tone(440.0, 0.5),
    );
    let heard = Bench::default().hear(20_000, flights);
    let other = Bench::default().hear(20_000, in_order);
    assert!(
        heard.statistics().concealed_samples <= 480,
        "{:?}",
        heard.statistics()
    );
    assert_eq!(heard.statistics().duplicates, 0);
    assert!(heard.delays[1900] < other.delays[1900] + 15.0);
    let rough = roughness(heard.part(1000, 19_900));
    assert!(rough < 1.2 * smooth(440.0, 0.5), "{rough}");
}

#[test]
fn packets_that_come_twice_are_heard_once() {
    let flights = talk(&mut Sender::new(Coding::Music, 10), 5_000, tone(440.0, 0.5));
    let mut twice = flights.clone();
    for (number, flight) in flights.iter().enumerate() {
        let mut again = flight.clone();
        // At once, and long after it was played.
        again.arrival += if number % 2 == 0 { 0.0 } else { 300.0 };
        twice.push(again);
    }
    let heard = Bench::default().hear(4_900, twice);
    let once = Bench::default().hear(4_900, flights);
    assert_eq!(heard.sound, once.sound);
    assert_eq!(heard.statistics().late, 0);
    assert!(heard.statistics().duplicates > 450);
}

#[test]
fn a_stall_of_the_network_is_followed_by_the_last_that_was_said_and_little_delay() {
    let mut flights = talk(
        &mut Sender::new(Coding::Music, 20),
        20_000,
        tone(440.0, 0.5),
    );
    for flight in &mut flights {
        if (5000.0..6000.0).contains(&flight.arrival) {
            flight.arrival = 6000.0;
        }
    }
    let heard = Bench::default().hear(19_900, flights);
    // Faded after 100 ms, and back at once when it is over.
    assert!(silent_ms(heard.part(5000, 6000)) > 800);
    assert_eq!(silent_ms(heard.part(6030, 19_900)), 0);
    assert!(heard.delays[620] < 80.0, "{}", heard.delays[620]);
    assert!(heard.delays[1900] < 35.0, "{}", heard.delays[1900]);
    let rough = roughness(heard.part(5500, 19_900));
    assert!(rough < 2.0 * smooth(440.0, 0.5), "{rough}");
    // What libopus makes up has small corners of its own.
    let rough = roughness(heard.part(4000, 5500));
    assert!(rough < 3.0 * smooth(440.0, 0.5), "{rough}");
}

#[test]
fn a_long_loss_fades_and_comes_back_without_a_click() {
    let mut flights = talk(
        &mut Sender::new(Coding::Music, 10),
        10_000,
        tone(440.0, 0.5),
    );
    flights.retain(|flight| !(5000.0..5500.0).contains(&flight.arrival));
    let heard = Bench::default().hear(9_900, flights);
    let silent = silent_ms(heard.part(5000, 5600));
    assert!((380..440).contains(&silent), "{silent}");
    assert_eq!(heard.statistics().lost, 50);
    let rough = roughness(heard.part(4000, 9_900));
    assert!(rough < 2.0 * smooth(440.0, 0.5), "{rough}");
}
