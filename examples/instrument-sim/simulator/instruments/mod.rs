//! The instruments: what they answer, and what they say by themselves. They know no port
//! and no clock; time is what has passed since 1970.

mod checksum;
mod counter;
mod geiger;
mod gps;
mod kx3;
mod lines;
mod modbus;
mod multimeter;
mod terminal;
mod v71;

use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;

pub(crate) use counter::Counting;

/// The instruments by their names, which are those of the profiles.
pub(crate) const NAMES: [&str; 8] = [
    "kx3",
    "kenwood-v71",
    "scpi-multimeter",
    "nmea-gps",
    "geiger",
    "modbus-rtu",
    "terminal",
    "counter",
];

/// Something on the other end of a serial line.
pub(crate) trait Instrument: Send {
    /// Bytes have come; what it answers goes to `out`.
    fn receive(&mut self, bytes: &[u8], now: Duration, out: &mut Vec<u8>);

    /// The time that [`Self::wake`] had told has come.
    fn tick(&mut self, _now: Duration, _out: &mut Vec<u8>) {}

    /// When it wants to do something by itself.
    fn wake(&self) -> Option<Duration> {
        None
    }

    /// Whether it is transmitting; `None` if it never does.
    fn transmitting(&self) -> Option<bool> {
        None
    }

    /// Whether its time stands still while nobody has the port open.
    fn is_patient(&self) -> bool {
        false
    }

    /// In a few words.
    fn status(&self) -> String;
}

/// An instrument of [`NAMES`] that is switched on now. The same `seed` makes the same
/// measurements.
pub(crate) fn by_name(
    name: &str,
    now: Duration,
    seed: u64,
    counting: Counting,
) -> Option<Box<dyn Instrument>> {
    let random = StdRng::seed_from_u64(seed);
    Some(match name {
        "kx3" => Box::new(kx3::Kx3::new(random)),
        "kenwood-v71" => Box::new(v71::V71::new(now)),
        "scpi-multimeter" => Box::new(multimeter::Multimeter::new(random)),
        "nmea-gps" => Box::new(gps::Gps::new(now, random)),
        "geiger" => Box::new(geiger::Geiger::new(now, random)),
        "modbus-rtu" => Box::new(modbus::Device::default()),
        "terminal" => Box::new(terminal::Terminal::new(now, random)),
        "counter" => Box::new(counter::Counter::new(now, counting)),
        _ => return None,
    })
}

/// The next time after `last` in steps of `period`, without catching up on what was missed.
fn next_time(last: Duration, period: Duration, now: Duration) -> Duration {
    let next = last + period;
    if next + period < now { now } else { next }
}

/// Where a slow oscillation stands, -1 to 1.
fn swing(now: Duration, period_seconds: f64) -> f64 {
    (now.as_secs_f64() / period_seconds * std::f64::consts::TAU).sin()
}
