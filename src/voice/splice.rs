//! Makes sound shorter or longer by some milliseconds at once, where that is not heard:
//! by a whole number of periods of what is periodic, or in silence (waveform similarity
//! overlap-add).

use std::f32::consts::PI;

use super::Frame;
use super::level::power;

/// Fewest and most frames that are taken out or put in: 2.5 to 12.5 ms, from the period of
/// the highest voices to two of a low one.
const SHORTEST: usize = 120;
const LONGEST: usize = 600;

/// Frames over which one place goes over into the other: 5 ms.
const OVERLAP: usize = 240;

/// Frames that have to be there for any length to be tried.
pub(super) const REACH: usize = LONGEST + OVERLAP;

/// The search is done on every fourth frame, then around the best on all.
const COARSE: usize = 4;

/// How much two places have to be alike: the correlation of what is periodic.
const PERIODIC: f32 = 0.9;

/// The power below which nobody hears what is done: -50 dBFS.
const QUIET: f32 = 1e-5;

/// Which way, and by at most how many frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Shorten(usize),
    Lengthen(usize),
}

/// A place was found.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Splice {
    /// How many frames it takes out or puts in.
    pub(super) length: usize,
    /// So many frames from the beginning …
    pub(super) replaced: usize,
    /// … are exchanged for these.
    pub(super) by: Vec<Frame>,
}

/// Looks at the beginning of `sound` whether it can be changed there; if that is `urgent`,
/// also where it may be heard.
pub(super) fn find(sound: &[Frame], change: Change, urgent: bool) -> Option<Splice> {
    let (Change::Shorten(most) | Change::Lengthen(most)) = change;
    let most = most.min(LONGEST).min(sound.len().checked_sub(OVERLAP)?);
    if most < SHORTEST {
        return None;
    }
    let sound = &sound[..most + OVERLAP];
    let length = if power(sound) < QUIET {
        most
    } else {
        let (length, likeness) = best_length(sound, most)?;
        if likeness < PERIODIC && !urgent {
            return None;
        }
        length
    };
    let (early, late) = (&sound[..OVERLAP], &sound[length..length + OVERLAP]);
    Some(match change {
        Change::Shorten(_) => Splice {
            length,
            replaced: length + OVERLAP,
            by: crossfade(early, late).collect(),
        },
        Change::Lengthen(_) => Splice {
            length,
            replaced: OVERLAP,
            by: sound[..length]
                .iter()
                .copied()
                .chain(crossfade(late, early))
                .collect(),
        },
    })
}

/// From one place to another, with a sum of both gains of one: they are alike.
fn crossfade<'a>(from: &'a [Frame], to: &'a [Frame]) -> impl Iterator<Item = Frame> + 'a {
    let length = from.len() as f32;
    from.iter()
        .zip(to)
        .enumerate()
        .map(move |(at, (from, to))| {
            let share = 0.5 - 0.5 * (PI * (at as f32 + 0.5) / length).cos();
            std::array::from_fn(|channel| from[channel] + share * (to[channel] - from[channel]))
        })
}

/// The length after which the sound repeats best, and how alike it is then, up to 1.
fn best_length(sound: &[Frame], most: usize) -> Option<(usize, f32)> {
    let mono: Vec<f32> = sound.iter().map(|[left, right]| left + right).collect();
    let coarse: Vec<f32> = mono
        .as_chunks::<COARSE>()
        .0
        .iter()
        .map(|four| four.iter().sum())
        .collect();
    let lengths = SHORTEST / COARSE..=most / COARSE;
    let (near, _) = best(&coarse, OVERLAP / COARSE, lengths)?;
    let near = near * COARSE;
    let lengths = near.saturating_sub(COARSE).max(SHORTEST)..=(near + COARSE).min(most);
    best(&mono, OVERLAP, lengths)
}

fn best(
    mono: &[f32],
    overlap: usize,
    lengths: impl Iterator<Item = usize>,
) -> Option<(usize, f32)> {
    let early = mono.get(..overlap)?;
    let energy: f32 = early.iter().map(|s| s * s).sum();
    lengths
        .filter_map(|length| {
            let late = mono.get(length..length + overlap)?;
            let (mut both, mut other) = (0.0, 0.0);
            for (a, b) in early.iter().zip(late) {
                both += a * b;
                other += b * b;
            }
            Some((
                length,
                both / (energy * other).sqrt().max(f32::MIN_POSITIVE),
            ))
        })
        .max_by(|(_, one), (_, other)| one.total_cmp(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(frequency: f32) -> Vec<Frame> {
        let sample = |at: usize| 0.5 * (at as f32 * frequency * 2.0 * PI / 48_000.0).sin();
        (0..2000).map(|at| [sample(at); 2]).collect()
    }

    fn noise(level: f32) -> Vec<Frame> {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            level * (state as f32 / u32::MAX as f32 - 0.5)
        };
        (0..2000).map(|_| [next(); 2]).collect()
    }

    fn apply(mut sound: Vec<Frame>, splice: Splice) -> Vec<Frame> {
        sound.splice(..splice.replaced, splice.by);
        sound
    }

    /// The greatest second difference: a sine has a known one, a click a greater one.
    fn roughness(sound: &[Frame]) -> f32 {
        let second = |three: &[Frame]| (three[0][0] - 2.0 * three[1][0] + three[2][0]).abs();
        sound.windows(3).map(second).fold(0.0, f32::max)
    }

    #[test]
    fn a_tone_is_shortened_and_lengthened_by_whole_periods_without_a_click() {
        for frequency in [150.0, 440.0, 1000.0, 3333.0] {
            let sound = tone(frequency);
            for change in [Change::Shorten(600), Change::Lengthen(600)] {
                let splice = find(&sound, change, false).unwrap();
                let periods = splice.length as f32 * frequency / 48_000.0;
                let amiss = (periods - periods.round()).abs();
                assert!(amiss < 0.04, "{frequency} Hz: {periods} periods");
                let changed = apply(sound.clone(), splice.clone());
                match change {
                    Change::Shorten(_) => assert_eq!(changed.len(), 2000 - splice.length),
                    Change::Lengthen(_) => assert_eq!(changed.len(), 2000 + splice.length),
                }
                assert!(roughness(&changed) < 1.05 * roughness(&sound) + 1e-4);
            }
        }
    }

    #[test]
    fn noise_is_changed_only_when_that_is_urgent_or_it_is_quiet() {
        let change = Change::Shorten(600);
        assert_eq!(find(&noise(0.5), change, false), None);
        assert!(find(&noise(0.5), change, true).is_some());
        assert_eq!(find(&noise(0.005), change, false).unwrap().length, 600);
    }

    #[test]
    fn no_more_is_changed_than_asked_for_or_there() {
        let sound = tone(440.0);
        assert!(find(&sound, Change::Shorten(130), true).unwrap().length <= 130);
        assert_eq!(find(&sound, Change::Shorten(100), true), None);
        assert_eq!(find(&sound[..300], Change::Shorten(600), true), None);
        assert_eq!(find(&[], Change::Lengthen(600), true), None);
    }
}
