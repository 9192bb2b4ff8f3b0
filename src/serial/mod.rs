//! Instruments on serial ports.

pub(crate) mod profile;
