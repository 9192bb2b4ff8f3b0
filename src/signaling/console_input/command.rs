//! The console's commands.

use super::shown;
use crate::signaling::code::Rights;
use crate::signaling::paste::{self, PasteError};
use std::time::Duration;

/// What the console can do, for `help`.
pub const HELP: &str = "\
code [view|control] [once] [<n>m|h|d]: print a code that lets a viewer in; \
codes: all codes; revoke <id>|all: end one; \
qr [control] [<file>.svg|png]: a code as QR code, here or for a label; \
offer: make an offer for a viewer, to be carried to the page; \
paste an offer or an answer from the page to take it; \
peers: who is there; drop <n>: end viewer <n>; \
control: who controls the instruments; release: take control away and make them safe; \
help: this text";

/// Longest command line, and so the longest name of a file.
const LONGEST: usize = 1024;

/// What a person tells the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Make an offer and print it.
    Offer,
    /// List the peers.
    Peers,
    /// Disconnect the peer with this number.
    Drop(u32),
    /// Print a code.
    Code {
        /// What it is for.
        rights: Rights,
        /// Whether it lets in one viewer only.
        once: bool,
        /// How long it is valid; none: until it is revoked.
        lifetime: Option<Duration>,
    },
    /// List the codes.
    Codes,
    /// End the code with this id or text, or all of them (`all`).
    Revoke(String),
    /// Show a code as QR code.
    Qr {
        /// What the code is for.
        rights: Rights,
        /// The file to write it to; none: the terminal.
        file: Option<String>,
    },
    /// Tell who controls the instruments.
    Control,
    /// Take control away, and make the instruments safe.
    Release,
    /// List the commands.
    Help,
}

/// Reads a command, or says what is wrong with it.
pub(super) fn parse(line: &str) -> Result<Command, String> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let Some((name, arguments)) = words.split_first() else {
        return Err("no command: type help".into());
    };
    let name = name.to_ascii_lowercase();
    match name.as_str() {
        _ if line.len() > LONGEST => {}
        "offer" | "peers" | "codes" | "control" | "release" | "help" | "?"
            if !arguments.is_empty() =>
        {
            return Err(format!(
                "“{name}” stands alone: type {name}, and nothing after it"
            ));
        }
        "offer" => return Ok(Command::Offer),
        "peers" => return Ok(Command::Peers),
        "codes" => return Ok(Command::Codes),
        "control" => return Ok(Command::Control),
        "release" => return Ok(Command::Release),
        "help" | "?" => return Ok(Command::Help),
        "drop" => return drop_peer(arguments),
        "code" => return code(arguments),
        "revoke" => {
            return match arguments {
                [which] => Ok(Command::Revoke((*which).to_owned())),
                _ => Err(
                    "revoke which code? Type revoke and its id: codes lists them. \
                          “revoke all” ends them all"
                        .into(),
                ),
            };
        }
        "qr" => return qr(arguments),
        _ => {}
    }
    // Too long to be a word somebody typed: half a description, perhaps.
    if line.len() > 64 {
        let error = paste::read(line).err().unwrap_or(PasteError::Nothing);
        return Err(error.to_string());
    }
    Err(format!("unknown command “{}”: type help", shown(line)))
}

fn drop_peer(arguments: &[&str]) -> Result<Command, String> {
    match arguments {
        [number] => number
            .parse()
            .map(Command::Drop)
            .map_err(|_| format!("“{}” is no peer's number: peers lists them", shown(number))),
        _ => Err("drop which peer? Type drop and its number: peers lists them".into()),
    }
}

fn code(arguments: &[&str]) -> Result<Command, String> {
    let (mut rights, mut once, mut lifetime) = (Rights::View, false, None);
    for argument in arguments {
        if let Ok(named) = argument.parse() {
            rights = named;
        } else if *argument == "once" {
            once = true;
        } else if let Some(time) = duration(argument) {
            lifetime = Some(time);
        } else {
            return Err(format!(
                "“{}” says nothing about a code: type code, and if need be view or control, \
                 once, and a time such as 30m, 8h or 7d",
                shown(argument)
            ));
        }
    }
    Ok(Command::Code {
        rights,
        once,
        lifetime,
    })
}

fn qr(arguments: &[&str]) -> Result<Command, String> {
    let (mut rights, mut file) = (Rights::View, None);
    for argument in arguments {
        if let Ok(named) = argument.parse() {
            rights = named;
        } else if file.is_none() && argument.contains('.') {
            file = Some((*argument).to_owned());
        } else {
            return Err(format!(
                "“{}” is no file for a QR code: type qr for the terminal, or qr label.svg or \
                 qr label.png for a file",
                shown(argument)
            ));
        }
    }
    Ok(Command::Qr { rights, file })
}

/// `90s`, `30m`, `8h` or `7d`; at most a hundred years.
fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    let number: u64 = number.parse().ok()?;
    let total = number.checked_mul(seconds)?;
    (1..=3_155_760_000)
        .contains(&total)
        .then(|| Duration::from_secs(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_for_viewing_unless_said_otherwise() {
        let code = |rights, once, lifetime| {
            Ok(Command::Code {
                rights,
                once,
                lifetime,
            })
        };
        assert_eq!(parse("code"), code(Rights::View, false, None));
        assert_eq!(parse("code control"), code(Rights::Control, false, None));
        assert_eq!(parse("code once"), code(Rights::View, true, None));
        assert_eq!(
            parse("Code control once 8h"),
            code(Rights::Control, true, Some(Duration::from_secs(8 * 3600)))
        );
    }

    #[test]
    fn a_code_with_a_time_that_makes_no_sense_is_an_error() {
        for time in ["0s", "-1h", "8", "8y", "h", "99999999999d", "é"] {
            let error = parse(&format!("code {time}")).expect_err(time);
            assert!(error.contains(time), "{error}");
        }
    }

    #[test]
    fn a_qr_code_goes_to_the_terminal_or_to_a_file() {
        let qr = |rights, file: Option<&str>| {
            Ok(Command::Qr {
                rights,
                file: file.map(str::to_owned),
            })
        };
        assert_eq!(parse("qr"), qr(Rights::View, None));
        assert_eq!(
            parse("qr control label.svg"),
            qr(Rights::Control, Some("label.svg"))
        );
        assert!(parse("qr label").is_err());
    }

    #[test]
    fn control_is_asked_for_and_taken_away() {
        assert_eq!(parse("control"), Ok(Command::Control));
        assert_eq!(parse("Release"), Ok(Command::Release));
        assert!(parse("release 3").is_err());
    }

    #[test]
    fn revoking_names_what() {
        assert_eq!(parse("revoke ab+/"), Ok(Command::Revoke("ab+/".into())));
        assert!(parse("revoke").is_err());
        assert!(parse("revoke a b").is_err());
    }
}
