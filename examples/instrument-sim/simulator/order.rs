//! What a person, a script or an option tells the simulator to do.

use std::str::FromStr;
use std::time::Duration;

/// What there is, for people.
pub(crate) const HELP: &str = "\
garbage [BYTES]          noise, 100 bytes of it
split on|off             messages come in pieces
silence [SECONDS]        nothing is said; without a number, from now on; 0: no more of it
flood RATE [SECONDS]     lines nobody asked for, so many a second, for 10 seconds
say TEXT                 this, with \\r, \\n and \\xHH
unplug [SECONDS]         the cable is pulled, and put back; without a number, it stays out
plug                     the cable is put back
status                   how the instrument is, and what it heard last
quit                     ends the simulator";

/// One of them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Order {
    Garbage(usize),
    Split(bool),
    /// `None`: from now on.
    Silence(Option<Duration>),
    Flood {
        rate: f64,
        length: Duration,
    },
    Say(Vec<u8>),
    /// `None`: until it is plugged in.
    Unplug(Option<Duration>),
    Plug,
    Status,
    Help,
    Quit,
}

impl FromStr for Order {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let rest = rest.trim();
        Ok(match (word, rest) {
            ("garbage", "") => Self::Garbage(100),
            ("garbage", count) => Self::Garbage(number(count)?),
            ("split", "on" | "") => Self::Split(true),
            ("split", "off") => Self::Split(false),
            ("silence", "") => Self::Silence(None),
            ("silence", length) => Self::Silence(Some(seconds(length)?)),
            ("flood", rest) => {
                let (rate, length) = rest.split_once(' ').unwrap_or((rest, "10"));
                let rate: f64 = number(rate)?;
                if !(0.01..=1_000_000.0).contains(&rate) {
                    return Err("a flood has 0.01 to 1000000 lines a second".to_owned());
                }
                Self::Flood {
                    rate,
                    length: seconds(length.trim())?,
                }
            }
            ("say", text) => Self::Say(unescape(text)?),
            ("unplug", "") => Self::Unplug(None),
            ("unplug", length) => Self::Unplug(Some(seconds(length)?)),
            ("plug", "") => Self::Plug,
            ("status", "") => Self::Status,
            ("help", "") => Self::Help,
            ("quit", "") => Self::Quit,
            _ => return Err(format!("“{text}” is nothing that can be done; try help")),
        })
    }
}

/// An order for later: `10:unplug 3`, in seconds from the start.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Planned {
    pub(crate) after: Duration,
    pub(crate) order: Order,
}

impl FromStr for Planned {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (after, order) = match text.split_once(':') {
            Some((after, order)) if !after.contains(' ') => (seconds(after)?, order),
            _ => (Duration::ZERO, text),
        };
        Ok(Self {
            after,
            order: order.parse()?,
        })
    }
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_| format!("“{text}” is no number that fits"))
}

fn seconds(text: &str) -> Result<Duration, String> {
    Duration::try_from_secs_f64(number(text)?)
        .map_err(|_| format!("“{text}” is no number of seconds"))
}

fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let wrong = || format!("“{text}” has a backslash that stands for nothing");
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let (code, after) = after.split_at_checked(1).ok_or_else(wrong)?;
        rest = after;
        match code {
            "r" => bytes.push(b'\r'),
            "n" => bytes.push(b'\n'),
            "\\" => bytes.push(b'\\'),
            "x" => {
                let (digits, after) = rest.split_at_checked(2).ok_or_else(wrong)?;
                bytes.push(u8::from_str_radix(digits, 16).map_err(|_| wrong())?);
                rest = after;
            }
            _ => return Err(wrong()),
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read() {
        let order = |text: &str| text.parse::<Order>();
        assert_eq!(order("garbage"), Ok(Order::Garbage(100)));
        assert_eq!(
            order(" say FA;\\r\\x41 "),
            Ok(Order::Say(b"FA;\rA".to_vec()))
        );
        let half = Duration::from_millis(500);
        assert_eq!(order("unplug 0.5"), Ok(Order::Unplug(Some(half))));
        for wrong in [
            "",
            "unplug -1",
            "unplug x",
            "flood",
            "flood 0",
            "say \\",
            "plug 3",
            "garbage -1",
        ] {
            assert!(order(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_order_can_be_for_later() {
        let planned: Planned = "0.5:split on".parse().expect("an order");
        assert_eq!(planned.after, Duration::from_millis(500));
        assert_eq!(planned.order, Order::Split(true));
        let planned: Planned = "say a:b".parse().expect("an order");
        assert_eq!(planned.order, Order::Say(b"a:b".to_vec()));
        assert!("x:plug".parse::<Planned>().is_err());
    }
}
