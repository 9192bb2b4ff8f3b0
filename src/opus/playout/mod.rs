//! Sound on its way to a device that takes it by its own clock.
//!
//! No GStreamer in here. Whoever sends puts frames into a [`Queue`]; for the device a
//! [`Player`] takes 10 ms at a time out of it: always as much, whatever has come. Clocks
//! that differ are followed by resampling ([`depth`]), bursts are cut down to what is worth
//! to be heard, and where nothing has come there is silence, faded so that it does not click.
//!
//! Lock: that of the queue, a leaf, held to move frames.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Adjustable as _, Async, FixedAsync, Resampler as _, SincInterpolationParameters,
    SincInterpolationType, WindowFunction,
};

mod depth;

use depth::{Depth, MOST_OFF};

/// Left and right.
pub(super) type Frame = [f32; 2];

/// Frames that the device takes at a time: 10 ms.
pub(super) const PIECE: usize = 480;
/// Seconds of a piece.
const PIECE_SECONDS: f64 = 0.01;
/// Frames of a fade, 2.5 ms.
const FADE: usize = 120;
/// Frames that may wait, half a second: beyond, nobody takes them.
const MOST_WAITING: usize = 24_000;

/// Between a sender and a device.
#[derive(Debug, Clone, Default)]
pub(super) struct Queue(Arc<(Mutex<Waiting>, Condvar)>);

#[derive(Debug, Default)]
struct Waiting {
    frames: VecDeque<Frame>,
    /// Since something was put in the last time.
    cleared: bool,
    counters: Counters,
}

/// What has happened, and how it stands.
#[derive(Debug, Default, Clone)]
pub(super) struct Counters {
    pub(super) underruns: u64,
    /// Frames.
    pub(super) dropped: u64,
    /// Frames that are ready.
    pub(super) ready: usize,
    /// Frames that are to be ready.
    pub(super) target: usize,
    /// 1: as it comes; above: faster.
    pub(super) rate: f64,
}

impl Queue {
    fn locked(&self) -> MutexGuard<'_, Waiting> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what has come.
    pub(super) fn put(&self, frames: impl Iterator<Item = Frame>) {
        let mut waiting = self.locked();
        waiting.cleared = false;
        waiting.frames.extend(frames);
        let excess = waiting.frames.len().saturating_sub(MOST_WAITING);
        waiting.frames.drain(..excess);
        waiting.counters.dropped += excess as u64;
    }

    /// Forgets what waits. `cleared` ends [`Queue::play_out`].
    pub(super) fn clear(&self) {
        let mut waiting = self.locked();
        waiting.frames.clear();
        waiting.cleared = true;
        drop(waiting);
        self.0.1.notify_all();
    }

    /// Returns when all has been heard of a device that holds so much sound, or nobody
    /// plays it.
    pub(super) fn play_out(&self, buffer: Duration) {
        let waiting = self.locked();
        let milliseconds = waiting.frames.len() as u64 / 48;
        let longest = buffer + Duration::from_millis(milliseconds);
        // What is in the buffer cannot be waited for, only be given its time.
        let _ = self
            .0
            .1
            .wait_timeout_while(waiting, longest, |waiting| !waiting.cleared);
    }

    pub(super) fn counters(&self) -> Counters {
        let waiting = self.locked();
        Counters {
            ready: waiting.frames.len(),
            ..waiting.counters.clone()
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Silence, until there is enough.
    Filling,
    Playing,
}

/// Takes sound out of a queue for a device.
pub(super) struct Player {
    queue: Queue,
    depth: Depth,
    mode: Mode,
    resampler: Async<f32>,
    input: Vec<f32>,
    output: Vec<f32>,
    /// The last frame that was played, where silence begins.
    last: Frame,
}

impl Player {
    pub(super) fn new(queue: &Queue) -> Result<Self, String> {
        let parameters = SincInterpolationParameters {
            // Flat up to 18 kHz; half of it is the delay, 0.7 ms.
            sinc_len: 64,
            f_cutoff: Some(0.95),
            oversampling_factor: 256,
            interpolation: SincInterpolationType::Linear,
            window: WindowFunction::BlackmanHarris2,
        };
        let resampler = Async::new_sinc(
            1.0,
            1.0 + 2.0 * MOST_OFF,
            &parameters,
            PIECE,
            2,
            FixedAsync::Output,
        )
        .map_err(|error| error.to_string())?;
        Ok(Self {
            queue: queue.clone(),
            depth: Depth::new(),
            mode: Mode::Filling,
            resampler,
            input: Vec::new(),
            output: vec![0.0; 2 * PIECE],
            last: [0.0; 2],
        })
    }

    /// The next 10 ms: 480 times left and right.
    pub(super) fn next(&mut self) -> &[f32] {
        let begins = self.mode == Mode::Filling;
        let ready = self.queue.counters().ready;
        if begins && ready < self.depth.target().max(PIECE + FADE) {
            self.fade_out(0);
            return &self.output;
        }
        if begins {
            self.mode = Mode::Playing;
            self.resampler.reset();
            self.depth.begin();
        }
        let rate = self.depth.observe(ready, PIECE_SECONDS);
        let _ = self.resampler.set_resample_ratio_relative(1.0 / rate, true);
        let needed = self.resampler.input_frames_next();
        let came = self.take(needed, rate);
        self.resample(needed);
        if begins {
            self.fade_in();
        }
        if came < needed {
            self.mode = Mode::Filling;
            self.fade_out(came.min(PIECE));
        } else if let [.., left, right] = self.output[..] {
            self.last = [left, right];
        }
        &self.output
    }

    /// Takes so many frames out of the queue, less if there are less.
    fn take(&mut self, needed: usize, rate: f64) -> usize {
        self.input.clear();
        let mut waiting = self.queue.locked();
        let excess = self.depth.excess(waiting.frames.len());
        let dropped = waiting.frames.drain(..excess);
        let old: Vec<f32> = dropped.take(FADE).flatten().collect();
        let came = needed.min(waiting.frames.len());
        self.input.extend(waiting.frames.drain(..came).flatten());
        blend(&old, &mut self.input);
        if came < needed {
            self.depth.ran_dry();
            waiting.counters.underruns += 1;
        }
        waiting.counters.dropped += excess as u64;
        waiting.counters.target = self.depth.target();
        waiting.counters.rate = rate;
        drop(waiting);
        self.input.resize(2 * needed, 0.0);
        came
    }

    fn resample(&mut self, needed: usize) {
        let (Ok(input), Ok(mut output)) = (
            InterleavedSlice::new(&self.input, 2, needed),
            InterleavedSlice::new_mut(&mut self.output, 2, PIECE),
        ) else {
            return;
        };
        // Fails only if lengths are wrong, which they are not: the resampler was asked.
        let _ = self
            .resampler
            .process_into_buffer(&input, &mut output, None);
    }

    fn fade_in(&mut self) {
        for (number, frame) in self.output.chunks_exact_mut(2).take(FADE).enumerate() {
            let factor = number as f32 / FADE as f32;
            frame.iter_mut().for_each(|sample| *sample *= factor);
        }
    }

    /// Keeps the first `kept` frames, which end in a fade, and makes the others silent.
    fn fade_out(&mut self, kept: usize) {
        if kept == 0 {
            // What was played stops without a fade; its last value goes down to zero.
            for (number, frame) in self.output.chunks_exact_mut(2).enumerate() {
                let factor = (1.0 - number as f32 / FADE as f32).max(0.0);
                for (sample, last) in frame.iter_mut().zip(self.last) {
                    *sample = last * factor;
                }
            }
        } else {
            for (number, frame) in self.output.chunks_exact_mut(2).enumerate() {
                let left = kept.saturating_sub(number);
                let factor = (left as f32 / FADE.min(kept) as f32).min(1.0);
                frame.iter_mut().for_each(|sample| *sample *= factor);
            }
        }
        self.last = [0.0; 2];
    }
}

/// Goes over from what would have been played to what is played, without a click.
fn blend(old: &[f32], new: &mut [f32]) {
    let length = old.len() as f32;
    for (number, (old, new)) in old.iter().zip(new).enumerate() {
        *new += (*old - *new) * (1.0 - number as f32 / length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sine of 1 kHz on the left, and of 2 kHz on the right.
    struct Tone(usize);

    impl Tone {
        fn frames(&mut self, count: usize) -> Vec<Frame> {
            let begin = self.0;
            self.0 += count;
            let phase = |n: usize, hertz: f32| {
                (std::f32::consts::TAU * hertz * (n % 48_000) as f32 / 48_000.0).sin() / 2.0
            };
            let frames = (begin..begin + count).map(|n| [phase(n, 1000.0), phase(n, 2000.0)]);
            frames.collect()
        }
    }

    fn player() -> (Queue, Player) {
        let queue = Queue::default();
        let player = Player::new(&queue).expect("a resampler");
        (queue, player)
    }

    /// Greatest step from one sample of the left to the next: a click is a large one.
    fn steepest(samples: &[f32]) -> f32 {
        let left: Vec<f32> = samples.iter().copied().step_by(2).collect();
        let steps = left.windows(2).map(|pair| (pair[1] - pair[0]).abs());
        steps.fold(0.0, f32::max)
    }

    /// That of a sine of 1 kHz with amplitude 0.5, and a little for fades.
    const NO_CLICK: f32 = 0.075;

    #[test]
    fn sound_passes_without_a_click_while_the_clocks_differ() {
        for per_thousand in [999, 1000, 1001] {
            let (queue, mut player) = player();
            let mut tone = Tone(0);
            queue.put(tone.frames(960).into_iter());
            let mut played = Vec::new();
            let mut due = 0;
            for _ in 0..1000 {
                due += 480 * per_thousand;
                queue.put(tone.frames(due / 1000).into_iter());
                due %= 1000;
                played.extend_from_slice(player.next());
            }
            let counters = queue.counters();
            assert_eq!(counters.dropped, 0);
            assert!(counters.underruns <= 1, "{counters:?}");
            assert!(counters.ready < 1920, "{counters:?}");
            assert!(steepest(&played) < NO_CLICK, "{}", steepest(&played));
            let peak = played[4800..].iter().fold(0.0_f32, |a, b| a.max(b.abs()));
            assert!((0.49..0.51).contains(&peak), "{peak}");
        }
    }

    #[test]
    fn silence_stands_for_what_does_not_come_and_does_not_click() {
        let (queue, mut player) = player();
        let mut tone = Tone(0);
        let mut played = Vec::new();
        for frames in [
            960, 480, 480, 100, 0, 0, 777, 480, 480, 480, 480, 0, 0, 0, 0, 0, 0, 0,
        ] {
            queue.put(tone.frames(frames).into_iter());
            played.extend_from_slice(player.next());
        }
        assert!(steepest(&played) < NO_CLICK, "{}", steepest(&played));
        assert!(queue.counters().underruns >= 2);
        assert!(played[played.len() - 480..].iter().all(|s| *s == 0.0));
    }

    #[test]
    fn a_burst_does_not_pile_up_delay() {
        let (queue, mut player) = player();
        let mut tone = Tone(0);
        for _ in 0..100 {
            queue.put(tone.frames(480).into_iter());
            player.next();
        }
        queue.put(tone.frames(14_400).into_iter());
        player.next();
        let counters = queue.counters();
        assert!(counters.ready <= counters.target, "{counters:?}");
        assert!(counters.dropped > 12_000, "{counters:?}");
    }

    #[test]
    fn what_nobody_plays_is_dropped() {
        let queue = Queue::default();
        queue.put(std::iter::repeat_n([0.0; 2], 100_000));
        assert_eq!(queue.counters().ready, MOST_WAITING);
    }
}
