//! Several talkers at once.

use super::*;

fn from(talker: u32, mut flights: Vec<Flight>) -> Vec<Flight> {
    for flight in &mut flights {
        flight.talker = talker;
    }
    flights
}

fn hum(talker: u32, frequency: f64, level: f64) -> Vec<Flight> {
    let mut sender = Sender::new(Coding::Music, 10);
    // Each a little later than the one before.
    let mut flights = from(talker, talk(&mut sender, 4000, tone(frequency, level)));
    for flight in &mut flights {
        flight.arrival += f64::from(talker) * 1.7;
    }
    flights
}

fn hear(flights: Vec<Flight>, act: impl Fn(usize, &mut Mixer)) -> Heard {
    let others: std::collections::BTreeSet<u32> = flights.iter().map(|f| f.talker).collect();
    Bench::default().hear_and(3_900, flights, |block, mixer| {
        for other in others
            .iter()
            .filter(|other| block == 0 && **other != TALKER)
        {
            mixer.enter(*other, PAYLOAD_TYPE).unwrap();
        }
        act(block, mixer);
    })
}

#[test]
fn two_talkers_are_both_heard_as_loud_as_each_is() {
    let flights = [hum(TALKER, 440.0, 0.4), hum(4, 700.0, 0.3)].concat();
    let heard = hear(flights, |_, _| {});
    let sound = heard.part(1000, 3900);
    assert!((amplitude(sound, 440.0) - 0.4).abs() < 0.01);
    assert!((amplitude(sound, 700.0) - 0.3).abs() < 0.01);
}

#[test]
fn ten_talkers_do_not_clip_and_each_is_there() {
    let tones = |number: u32| 300.0 + 110.0 * f64::from(number);
    let flights: Vec<Flight> = (0..10).flat_map(|it| hum(it, tones(it), 0.5)).collect();
    let heard = hear(flights, |_, _| {});
    let sound = heard.part(1000, 3900);
    let greatest = sound
        .iter()
        .flatten()
        .fold(0.0, |most: f32, s| most.max(s.abs()));
    assert!(greatest <= 0.8913, "{greatest}");
    let levels: Vec<f64> = (0..10).map(|it| amplitude(sound, tones(it))).collect();
    let most = levels.iter().copied().fold(0.0, f64::max);
    assert!(levels.iter().all(|level| *level > 0.7 * most), "{levels:?}");
    assert!(most > 0.08, "{levels:?}");
}

/// Two talk and one of them does something: what is left without the other is bit for bit
/// what there is when that one talks alone.
#[test]
fn a_talker_that_loses_packets_or_leaves_is_not_heard_in_the_other() {
    let quiet = hum(TALKER, 440.0, 0.3);
    let mut lossy = hum(4, 700.0, 0.3);
    let mut dice = Dice::new(1);
    lossy.retain(|_| dice.roll() > 0.2);
    let act = |block: usize, mixer: &mut Mixer| match block {
        250 => mixer.leave(4),
        300 => mixer.enter(4, PAYLOAD_TYPE).unwrap(),
        _ => {}
    };
    let both = hear([quiet.clone(), lossy.clone()].concat(), act);
    let alone = hear(quiet, |_, _| {});
    let other = hear(lossy, |block, mixer| {
        act(block, mixer);
        mixer.set_heard(TALKER, false);
    });
    let rest = both.sound.iter().zip(&other.sound);
    let difference = rest
        .zip(&alone.sound)
        .map(|((both, other), alone)| (both[0] - other[0] - alone[0]).abs())
        .fold(0.0, f32::max);
    assert!(difference < 1e-6, "{difference}");
}

#[test]
fn a_talker_that_leaves_fades_within_ten_milliseconds() {
    let flights = [hum(TALKER, 440.0, 0.4)].concat();
    let heard = hear(flights, |block, mixer| {
        if block == 200 {
            mixer.leave(TALKER);
        }
    });
    // The limiter holds back a millisecond.
    assert_eq!(silent_ms(heard.part(2011, 3900)), 3900 - 2011);
    assert!(silent_ms(heard.part(1990, 2008)) == 0);
    let rough = roughness(heard.part(1000, 3900));
    assert!(rough < 1.5 * smooth(440.0, 0.4), "{rough}");
    assert_eq!(heard.mixer.statistics(TALKER), None);
    assert_eq!(heard.mixer.level(), super::super::level::SILENCE);
}

#[test]
fn who_is_not_heard_is_followed_and_is_back_at_once() {
    let flights = hum(TALKER, 440.0, 0.4);
    let heard = hear(flights.clone(), |block, mixer| match block {
        100 => mixer.set_heard(TALKER, false),
        200 => mixer.set_heard(TALKER, true),
        _ => {}
    });
    let always = hear(flights, |_, _| {});
    assert_eq!(silent_ms(heard.part(1011, 2001)), 990);
    assert_eq!(heard.part(2011, 3900), always.part(2011, 3900));
    let rough = roughness(heard.part(500, 3900));
    assert!(rough < 1.5 * smooth(440.0, 0.4), "{rough}");
    assert_eq!(heard.statistics().concealed_samples, 0);
}

#[test]
fn where_nobody_talks_there_is_silence() {
    let heard = Bench::default().hear(1000, Vec::new());
    assert!(heard.sound.iter().all(|frame| *frame == [0.0; 2]));
    assert_eq!(heard.statistics().level, super::super::level::SILENCE);
}
