//! The thread that mixes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use gst::prelude::*;

use super::roster::Order;
use super::{Intercom, locked};
use crate::threads;
use crate::voice::mixer::{Mixer, MixerSettings};

/// 10 ms.
const PERIOD: gst::ClockTime = gst::ClockTime::from_mseconds(10);
/// Samples of both channels in it.
const SAMPLES: usize = 960;
/// Later than that, what was missed is left out: nobody could play it in time.
const TOO_LATE: gst::ClockTime = gst::ClockTime::from_mseconds(200);
/// Statistics are copied each half a second.
const STATISTICS: u64 = 50;

/// Runs while the pipeline plays; stops when dropped.
pub(super) struct Engine {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Stop {
    stopped: AtomicBool,
    /// What the thread waits for.
    id: Mutex<Option<gst::SingleShotClockId>>,
}

impl Engine {
    pub(super) fn start(
        intercom: &Arc<Intercom>,
        clock: &gst::Clock,
        base_time: gst::ClockTime,
        settings: MixerSettings,
    ) -> anyhow::Result<Self> {
        let stop = Arc::new(Stop::default());
        let mut run = Run {
            intercom: intercom.clone(),
            stop: stop.clone(),
            clock: clock.clone(),
            base_time,
            mixer: Mixer::new(settings),
        };
        let thread = std::thread::Builder::new()
            .name("periscope-mixer".into())
            .spawn(move || run.work())?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop.stopped.store(true, Ordering::Release);
        let id = locked(&self.stop.id).take();
        if let Some(id) = id {
            id.unschedule();
        }
        threads::join(self.thread.take());
    }
}

struct Run {
    intercom: Arc<Intercom>,
    stop: Arc<Stop>,
    clock: gst::Clock,
    base_time: gst::ClockTime,
    mixer: Mixer,
}

impl Run {
    fn work(&mut self) {
        let orders = locked(&self.intercom.roster).orders_anew();
        for order in orders {
            self.obey(order);
        }
        locked(&self.intercom.arrived).clear();
        let mut due = self.clock.time().max(self.base_time) + PERIOD;
        let mut missed = true;
        for round in 0_u64.. {
            if !self.wait(due) {
                return;
            }
            self.intercom.change(|roster, now| roster.tick(now));
            self.listen();
            let mut mixed = [0_f32; SAMPLES];
            self.mixer.mix(self.intercom.now(), &mut mixed);
            self.push(&mixed, due, missed);
            if round % STATISTICS == 0 {
                self.note_statistics();
            }
            missed = false;
            due += PERIOD;
            let now = self.clock.time();
            if now > due + TOO_LATE {
                due = now;
                missed = true;
            }
        }
    }

    /// Waits for a time of the clock. False if it is over.
    fn wait(&self, until: gst::ClockTime) -> bool {
        let id = self.clock.new_single_shot_id(until);
        *locked(&self.stop.id) = Some(id.clone());
        if self.stop.stopped.load(Ordering::Acquire) {
            return false;
        }
        let _ = id.wait();
        !self.stop.stopped.load(Ordering::Acquire)
    }

    /// Follows who is heard, and takes what has arrived.
    fn listen(&mut self) {
        let orders = locked(&self.intercom.roster).take_orders();
        for order in orders {
            self.obey(order);
        }
        let arrived = std::mem::take(&mut *locked(&self.intercom.arrived));
        let mut senders: Vec<u32> = Vec::new();
        for packet in &arrived {
            self.mixer.packet(packet.talker, &packet.bytes, packet.at);
            if senders.last() != Some(&packet.talker) {
                senders.push(packet.talker);
            }
        }
        if !senders.is_empty() {
            self.intercom
                .change(|roster, now| roster.sent(&senders, now));
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Enter {
                talker,
                payload_type,
            } => {
                if let Err(error) = self.mixer.enter(talker, payload_type) {
                    gst::error!(crate::CAT, "peer {talker} is not heard: {error}");
                }
            }
            Order::Leave(talker) => self.mixer.leave(talker),
            Order::Heard(talker, heard) => self.mixer.set_heard(talker, heard),
        }
    }

    /// Gives the sound of the period that ends at `end`.
    fn push(&self, mixed: &[f32; SAMPLES], end: gst::ClockTime, missed: bool) {
        let mut bytes = Vec::with_capacity(SAMPLES * 2);
        for sample in mixed {
            // Within i16: the mixer's limiter keeps it there, and `as` saturates.
            let sample = (sample * 32_767.0).round() as i16;
            bytes.extend_from_slice(&sample.to_le_bytes());
        }
        let mut buffer = gst::Buffer::from_slice(bytes);
        if let Some(buffer) = buffer.get_mut() {
            let begin = end.saturating_sub(PERIOD).saturating_sub(self.base_time);
            buffer.set_pts(begin);
            buffer.set_duration(PERIOD);
            if missed {
                buffer.set_flags(gst::BufferFlags::DISCONT);
            }
        }
        for outlet in self.intercom.outlets() {
            outlet.push(&buffer);
        }
    }

    fn note_statistics(&self) {
        let talkers = locked(&self.intercom.roster).connected();
        let all = talkers
            .into_iter()
            .filter_map(|talker| Some((talker, self.mixer.statistics(talker)?)))
            .collect();
        *locked(&self.intercom.statistics) = all;
        *locked(&self.intercom.level) = f64::from(self.mixer.level());
    }
}
