//! A GPS receiver that walks about: NMEA sentences, once a second.

use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;

use super::checksum::nmea_sentence;
use super::{Instrument, next_time, swing};

const PERIOD: Duration = Duration::from_secs(1);

/// It finds its satellites in this time.
const COLD_START: Duration = Duration::from_secs(3);

/// Metres in a minute of latitude.
const MINUTE: f64 = 1852.0;

/// See the file's documentation.
pub(super) struct Gps {
    next: Duration,
    fix_at: Duration,
    /// In degrees.
    latitude: f64,
    longitude: f64,
    /// In metres per second and degrees from north.
    speed: f64,
    course: f64,
    random: StdRng,
}

impl Gps {
    pub(super) fn new(now: Duration, random: StdRng) -> Self {
        Self {
            next: now,
            fix_at: now + COLD_START,
            latitude: -33.856_8,
            longitude: 151.215_3,
            speed: 1.4,
            course: 60.0,
            random,
        }
    }

    fn walk(&mut self) {
        self.course = (self.course + self.random.random_range(-15.0..15.0)).rem_euclid(360.0);
        self.speed = (self.speed + self.random.random_range(-0.2..0.2)).clamp(0.5, 2.5);
        let (east, north) = self.course.to_radians().sin_cos();
        let metres = self.speed * PERIOD.as_secs_f64();
        self.latitude += north * metres / MINUTE / 60.0;
        self.longitude += east * metres / MINUTE / 60.0 / self.latitude.to_radians().cos();
    }

    fn sentences(&mut self, now: Duration) -> String {
        let (date, time) = date_and_time(now);
        if now < self.fix_at {
            return nmea_sentence(&format!("GPGGA,{time},,,,,0,00,99.9,,M,,M,,"))
                + &nmea_sentence(&format!("GPRMC,{time},V,,,,,,,{date},,,N"));
        }
        self.walk();
        let latitude = angle(self.latitude, 2, ["N", "S"]);
        let longitude = angle(self.longitude, 3, ["E", "W"]);
        let satellites = (9.0 + 2.0 * swing(now, 60.0)).round();
        let hdop = 1.0 - 0.3 * swing(now, 60.0);
        let altitude = 545.0 + 3.0 * swing(now, 45.0);
        let knots = self.speed * 3600.0 / 1852.0;
        let course = self.course;
        nmea_sentence(&format!(
            "GPGGA,{time},{latitude},{longitude},1,{satellites:02},{hdop:.1},{altitude:.1},M,47.0,M,,"
        )) + &nmea_sentence(&format!(
            "GPRMC,{time},A,{latitude},{longitude},{knots:.2},{course:.1},{date},,,A"
        ))
    }
}

impl Instrument for Gps {
    fn receive(&mut self, _bytes: &[u8], _now: Duration, _out: &mut Vec<u8>) {}

    fn tick(&mut self, now: Duration, out: &mut Vec<u8>) {
        self.next = next_time(self.next, PERIOD, now);
        let sentences = self.sentences(now);
        out.extend_from_slice(sentences.as_bytes());
    }

    fn wake(&self) -> Option<Duration> {
        Some(self.next)
    }

    fn status(&self) -> String {
        format!("at {:.5}, {:.5}", self.latitude, self.longitude)
    }
}

/// Degrees and minutes, such as `4807.0380,N`.
fn angle(degrees: f64, width: usize, signs: [&str; 2]) -> String {
    let sign = signs[usize::from(degrees < 0.0)];
    // In ten thousandths of a minute, so that no 60 minutes come of rounding.
    let parts = (degrees.abs() * 600_000.0).round() as u64;
    let (degrees, minutes) = (parts / 600_000, parts % 600_000);
    let (minutes, fraction) = (minutes / 10_000, minutes % 10_000);
    format!("{degrees:0width$}{minutes:02}.{fraction:04},{sign}")
}

/// UTC as `ddmmyy` and `hhmmss.ss`.
fn date_and_time(now: Duration) -> (String, String) {
    let seconds = now.as_secs();
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let hundredths = now.subsec_millis() / 10;
    let (mut year, mut day) = (1970, seconds / 86_400);
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    while day >= 365 + u64::from(is_leap(year)) {
        day -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if day < length {
            break;
        }
        day -= length;
        month += 1;
    }
    (
        format!("{:02}{month:02}{:02}", day + 1, year % 100),
        format!("{hour:02}{minute:02}{second:02}.{hundredths:02}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_and_place_are_written_as_nmea_has_them() {
        let (date, time) = date_and_time(Duration::from_millis(1_709_210_096_780));
        assert_eq!((date.as_str(), time.as_str()), ("290224", "123456.78"));
        let (date, _) = date_and_time(Duration::from_secs(1_735_689_599));
        assert_eq!(date, "311224");
        assert_eq!(angle(48.117_3, 2, ["N", "S"]), "4807.0380,N");
        assert_eq!(angle(-11.999_999_99, 3, ["E", "W"]), "01200.0000,W");
    }
}
