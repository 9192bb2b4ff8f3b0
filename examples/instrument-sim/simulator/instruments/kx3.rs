//! An Elecraft KX3: short commands that end with `;`. A command without a value asks.

use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;

use super::lines::Lines;
use super::{Instrument, swing};

/// What can be set and asked for: name, digits, smallest and largest value, value at start.
const SETTINGS: [(&str, usize, u64, u64, u64); 12] = [
    ("FA", 11, 500_000, 54_000_000, 14_060_000),
    ("FB", 11, 500_000, 54_000_000, 14_070_000),
    ("MD", 1, 1, 9, 3),
    ("BN", 2, 0, 10, 5),
    ("PC", 3, 0, 15, 5),
    ("KS", 3, 8, 50, 20),
    ("AG", 3, 0, 60, 20),
    ("BW", 4, 5, 400, 50),
    ("AI", 1, 0, 3, 0),
    ("K2", 1, 0, 3, 0),
    ("K3", 1, 0, 1, 0),
    ("FT", 1, 0, 1, 0),
];

/// Where each band begins by name of its number, and what was last tuned there.
const BANDS: [u64; 11] = [
    1_836_000, 3_560_000, 5_357_000, 7_030_000, 10_116_000, 14_060_000, 18_086_000, 21_060_000,
    24_906_000, 28_060_000, 50_096_000,
];

/// By how much `UP` and `DN` tune, in Hz.
const STEP: u64 = 10;

/// See the file's documentation.
pub(super) struct Kx3 {
    commands: Lines,
    /// In the order of [`SETTINGS`].
    values: Vec<u64>,
    bands: [u64; BANDS.len()],
    transmitting: bool,
    random: StdRng,
}

impl Kx3 {
    pub(super) fn new(random: StdRng) -> Self {
        Self {
            commands: Lines::ending_with(b";"),
            values: SETTINGS.iter().map(|setting| setting.4).collect(),
            bands: BANDS,
            transmitting: false,
            random,
        }
    }

    fn index(name: &str) -> Option<usize> {
        SETTINGS.iter().position(|setting| setting.0 == name)
    }

    fn value(&self, name: &str) -> u64 {
        Self::index(name).map_or(0, |index| self.values[index])
    }

    fn set(&mut self, name: &str, value: u64) {
        if let Some(index) = Self::index(name) {
            self.values[index] = value;
        }
    }

    /// `None`: it does not know the command.
    fn answer(&mut self, command: &str, now: Duration) -> Option<String> {
        let command = command.to_ascii_uppercase();
        let (name, argument) = command.split_at_checked(2)?;
        let said = |text: String| Some(format!("{name}{text};"));
        match (name, argument) {
            ("TX", "") => self.transmit(true),
            ("RX", "") => self.transmit(false),
            ("UP", "") => self.tune(self.value("FA") + STEP),
            ("DN", "") => self.tune(self.value("FA").saturating_sub(STEP)),
            ("TQ", "") => return said(u8::from(self.transmitting).to_string()),
            ("SM", "") => return said(format!("{:04}", self.signal(now))),
            ("ID", "") => return said("017".to_owned()),
            ("OM", "") => return said(" --------F--".to_owned()),
            ("RV", "M") => return said("M02.86".to_owned()),
            ("IF", "") => return said(self.summary()),
            ("FA", digits) if digits.len() == 11 => self.tune(digits.parse().ok()?),
            ("BN", digits) if digits.len() == 2 => self.band(digits.parse().ok()?),
            _ => return self.setting(name, argument),
        }
        Some(String::new())
    }

    /// Answers or takes a setting of the table.
    fn setting(&mut self, name: &str, argument: &str) -> Option<String> {
        let index = Self::index(name)?;
        let (_, digits, least, most, _) = SETTINGS[index];
        if argument.is_empty() {
            let value = self.values[index];
            return Some(format!("{name}{value:0digits$};"));
        }
        let value = argument.parse().ok()?;
        if argument.len() != digits || !(least..=most).contains(&value) {
            return None;
        }
        self.values[index] = value;
        Some(String::new())
    }

    fn transmit(&mut self, on: bool) {
        self.transmitting = on;
    }

    fn tune(&mut self, frequency: u64) {
        self.set("FA", frequency.clamp(500_000, 54_000_000));
        // The band is the nearest one below.
        let band = BANDS.iter().rposition(|begin| *begin <= frequency + 60_000);
        let band = band.unwrap_or(0);
        self.bands[band] = self.value("FA");
        self.set("BN", band as u64);
    }

    fn band(&mut self, band: usize) {
        if let Some(frequency) = self.bands.get(band) {
            self.set("FA", *frequency);
            self.set("BN", band as u64);
        }
    }

    /// S-meter: 0 to 15, in K3's extended mode 0 to 21; 0 while it transmits.
    fn signal(&mut self, now: Duration) -> u64 {
        if self.transmitting {
            return 0;
        }
        let most = if self.value("K3") == 1 { 21.0 } else { 15.0 };
        let fading = swing(now, 11.0) * 3.0 + swing(now, 2.3);
        let noise = self.random.random_range(-1.0..1.0);
        (7.0 + fading + noise).clamp(0.0, most).round() as u64
    }

    /// What `IF` tells besides its name: frequency, offsets, state and mode.
    fn summary(&self) -> String {
        let frequency = self.value("FA");
        let transmitting = u8::from(self.transmitting);
        let mode = self.value("MD");
        format!("{frequency:011}     +000000 00{transmitting}{mode}0000001 ")
    }
}

impl Instrument for Kx3 {
    fn receive(&mut self, bytes: &[u8], now: Duration, out: &mut Vec<u8>) {
        for command in self.commands.push(bytes) {
            let answer = self.answer(&command, now);
            out.extend_from_slice(answer.as_deref().unwrap_or("?;").as_bytes());
        }
    }

    fn transmitting(&self) -> Option<bool> {
        Some(self.transmitting)
    }

    fn status(&self) -> String {
        format!("{} Hz, mode {}", self.value("FA"), self.value("MD"))
    }
}
