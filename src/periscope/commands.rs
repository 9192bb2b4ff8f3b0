//! What a person tells the bench on the console, and what it says there.

use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context;

use super::bench::{Bench, lock};
use super::door::{Door, Issued};
use super::settings::ConsoleMode;
use crate::peer::SignalingError;
use crate::signaling::code::Rights;
use crate::signaling::console::{self, Console};
use crate::signaling::console_input::{Command, Event, HELP};
use crate::signaling::description::Kind;
use crate::signaling::qr;

impl Bench {
    pub(super) fn start_console(self: &Arc<Self>, mode: ConsoleMode) -> anyhow::Result<()> {
        let bench = Arc::downgrade(self);
        let started = Console::start(move |event| {
            if let Some(bench) = bench.upgrade() {
                bench.console_event(event);
            }
        });
        let console = match started {
            // Another element of this process has it; this one still prints.
            Err(error)
                if error.kind() == std::io::ErrorKind::ResourceBusy
                    && mode == ConsoleMode::Auto =>
            {
                return Ok(());
            }
            Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy => anyhow::bail!(
                "console: another element of this process reads standard input already; set \
                 console=off here"
            ),
            other => other.context("standard input cannot be read")?,
        };
        *lock(&self.console) = Some(console);
        self.messenger.print("ready", HELP);
        Ok(())
    }

    fn console_event(&self, event: Event) {
        match event {
            Event::Echo(_) => {}
            Event::Error(text) => self.messenger.print("error", &text),
            Event::Command(Command::Help) => self.messenger.print("help", HELP),
            Event::Command(command) => self.obey(command),
            Event::ShortAnswer(answer) => {
                let complaint = self.complaint();
                self.take_short_answer(&answer, Box::new(|result| complaint(result.err())));
            }
            Event::Description(description) => {
                let complaint = self.complaint();
                match description.kind {
                    Kind::Offer => {
                        self.take_offer(description, Box::new(|result| complaint(result.err())));
                    }
                    Kind::Answer => {
                        self.take_answer(description, Box::new(|result| complaint(result.err())));
                    }
                }
            }
        }
    }

    /// Prints an error if there is one.
    fn complaint(&self) -> impl FnOnce(Option<SignalingError>) + Send + use<> {
        let messenger = self.messenger.clone();
        move |error| {
            if let Some(error) = error {
                messenger.print("error", &error.to_string());
            }
        }
    }

    fn obey(&self, command: Command) {
        match command {
            Command::Help => self.messenger.print("help", HELP),
            Command::Offer => {
                let complaint = self.complaint();
                self.make_offer(Box::new(|result| complaint(result.err())));
            }
            Command::Peers => self.print_peers(),
            Command::Drop(id) => {
                if !self.peers.drop_peer(id, "ended at the bench") {
                    self.messenger
                        .print("error", &format!("there is no peer {id}: type “peers”"));
                }
            }
            Command::Control => self.print_control(),
            Command::Release => {
                if !self.release_control() {
                    self.messenger.print("control", "nobody has control");
                }
            }
            Command::Code {
                rights,
                once,
                lifetime,
            } => self.or_complain(|| {
                let issued = self.make_code(rights, once, lifetime)?;
                self.print_code(&issued);
                Ok(())
            }),
            Command::Codes => self.print_codes(),
            Command::Revoke(what) => self.or_complain(|| {
                for id in self.revoke_code(&what)? {
                    self.messenger.print("revoked", &id.to_string());
                }
                Ok(())
            }),
            Command::Qr { rights, file } => self.or_complain(|| {
                let issued = self.make_code(rights, false, None)?;
                match file {
                    Some(file) => {
                        let path = self.door.write_label(&file, &issued, self.page_address())?;
                        self.messenger.print("label", &path.display().to_string());
                    }
                    None => self.print_qr(&issued)?,
                }
                Ok(())
            }),
        }
    }

    fn or_complain(&self, work: impl FnOnce() -> anyhow::Result<()>) {
        if let Err(error) = work() {
            self.messenger.print("error", &format!("{error:#}"));
        }
    }

    /// The line that scripts read, and what a person should know of this code.
    pub(super) fn print_code(&self, issued: &Issued) {
        self.messenger.print("code", &issued.text);
        let remarks = remarks(issued, SystemTime::now());
        if !remarks.is_empty() {
            self.messenger
                .print("note", &format!("code {} {remarks}", issued.id));
        }
        if let Some(warning) = &issued.warning {
            self.messenger.print("error", warning);
        }
    }

    pub(super) fn print_qr(&self, issued: &Issued) -> anyhow::Result<()> {
        let link = Door::link(issued, self.page_address());
        self.messenger.print("qr", &link);
        self.messenger.print_lines(&qr::terminal(&link)?);
        Ok(())
    }

    fn print_codes(&self) {
        let codes = self.door.list(&self.addresses());
        if codes.is_empty() {
            self.messenger.print("codes", "there are none: type “code”");
        }
        let now = SystemTime::now();
        for issued in codes {
            let remarks = match remarks(&issued, now) {
                remarks if remarks.is_empty() => "is valid until it is revoked".to_owned(),
                remarks => remarks,
            };
            self.messenger.print(
                "codes",
                &format!("{} {} {remarks}: {}", issued.id, issued.rights, issued.text),
            );
        }
    }

    fn print_peers(&self) {
        let peers = self.peers.list();
        if peers.is_empty() {
            self.messenger.print("peers", "nobody is there");
        }
        for peer in peers {
            let streams = match peer.streams.as_slice() {
                [] => String::new(),
                streams => format!(", {}", streams.join(", ")),
            };
            self.messenger.print(
                "peers",
                &format!(
                    "{} {} for {}{streams}",
                    peer.id,
                    peer.state.as_str(),
                    console::age(peer.age)
                ),
            );
        }
    }
}

/// How long a code is valid, if not for ever.
fn remarks(issued: &Issued, now: SystemTime) -> String {
    let mut remarks = Vec::new();
    if issued.rights == Rights::Control {
        remarks.push("is for control".to_owned());
    }
    match (issued.once, issued.used) {
        (true, true) => remarks.push("belongs to the viewer who has come by it".to_owned()),
        (true, false) => remarks.push("lets in one viewer".to_owned()),
        (false, _) => {}
    }
    if let Some(expires) = issued.expires {
        let left = expires.duration_since(now).unwrap_or_default();
        remarks.push(format!("is valid for {}", console::time_left(left)));
    }
    remarks.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signaling::code::Secret;
    use std::time::Duration;

    #[test]
    fn a_person_is_told_what_a_code_is_good_for() {
        let now = SystemTime::UNIX_EPOCH;
        let mut issued = Issued {
            text: String::new(),
            id: Secret::from_bytes([0; 16]).id(),
            rights: Rights::View,
            once: false,
            used: false,
            expires: None,
            warning: None,
        };
        assert_eq!(remarks(&issued, now), "");
        issued.once = true;
        issued.rights = Rights::Control;
        issued.expires = Some(now + Duration::from_secs(8 * 3600));
        assert_eq!(
            remarks(&issued, now),
            "is for control, lets in one viewer, is valid for 8 h"
        );
    }
}
