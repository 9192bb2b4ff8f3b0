//! A peer and the instruments: its commands, its part in who controls, and what its page is
//! told of both.

use std::sync::Arc;
use std::time::Instant;

use super::channels::{ChannelOptions, SlowViewer};
use super::chunks::Payload;
use super::control::{self, ToPage};
use super::session::Session;
use super::voice::TalkTold;
use crate::arbitration::arbiter::Station;
use crate::arbitration::refusals::{Notice, Refusals};
use crate::arbitration::{Refusal, Standing};
use crate::media::data::Dropped;
use crate::media::data::instrument::Instrument;
use crate::signaling::code::Rights;
use crate::signaling::fingerprint::Fingerprint;

/// A heartbeat that came late would tell of the past.
const HEARTBEAT: ChannelOptions = ChannelOptions {
    ordered: false,
    max_retransmits: Some(0),
    max_lifetime: None,
    slow_viewer: SlowViewer::Drop,
};

/// What a page was told.
#[derive(Debug, Default)]
pub(super) struct Told {
    standing: Option<Standing>,
    instruments: Vec<Instrument>,
    refusals: Refusals,
    pub(super) talk: Option<TalkTold>,
    /// The page knows of talking.
    pub(super) talks: bool,
    /// Labels of the instruments that are keyed for it, and by which number.
    pub(super) keyed: Vec<(String, u64)>,
    /// Commands that went out, and those that did not.
    pub(super) commands: u64,
    pub(super) refused: u64,
}

impl Told {
    /// When something that was held back is to be told.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.refusals.deadline()
    }
}

impl Session {
    /// The peer has shown this certificate: from now on it may have a part in who controls.
    pub(super) fn join_others(&self, certificate: &str) {
        let station = Fingerprint::of_pem(certificate)
            .ok()
            .and_then(|fingerprint| fingerprint.bytes.try_into().ok())
            .map_or(Station::Peer(self.id), Station::Certificate);
        let may_control = self.admission.rights == Rights::Control;
        let pulse = self.outbox.pulse().clone();
        self.desk.join(self.id, station, may_control, pulse.clone());
        self.intercom.join(self.id, may_control, pulse);
    }

    /// The page has told what it knows.
    pub(super) fn greet(&mut self, features: &[String], at: Instant) {
        let has = |feature| features.iter().any(|known| known == feature);
        if has(control::BATCH) {
            self.channels.send_batches();
        }
        let heartbeat = has(control::HEARTBEAT) && self.admission.rights == Rights::Control;
        if heartbeat {
            // Without its channel it cannot keep what it promises, and control will not last:
            // better than a controller that is not watched.
            self.open_channel(control::HEARTBEAT_LABEL.into(), HEARTBEAT);
        }
        self.desk.greet(self.id, heartbeat, at);
        self.news.talks |= has(control::TALK);
        self.intercom.greet(self.id, self.news.talks, heartbeat);
        self.news.talk = None;
        self.news.instruments.clear();
        self.news.standing = None;
    }

    // ---- Commands ----------------------------------------------------------------------

    pub(super) fn take_command(&mut self, label: &Arc<str>, command: &Payload, at: Instant) {
        let taken = match self.admission.rights {
            Rights::View => Err(Refusal::View.to_string()),
            Rights::Control => self.host.command(self.id, label, command, at),
        };
        match taken {
            Ok(()) => self.news.commands += 1,
            Err(reason) => self.refuse(label, &reason, command.as_bytes(), 0),
        }
    }

    /// Counts a command, and others, that did not go out, and tells the page.
    pub(super) fn refuse(&mut self, label: &str, reason: &str, command: &[u8], others: u64) {
        self.news.refused += 1 + others;
        self.desk.count_refused(1 + others);
        let now = Instant::now();
        let notice = self.news.refusals.add(label, reason, command, others, now);
        self.tell_notice(notice.as_ref());
    }

    /// Commands that had gone out were dropped on their way.
    pub(super) fn tell_dropped(&mut self, dropped: &Dropped) {
        let count = 1 + dropped.others;
        self.news.commands = self.news.commands.saturating_sub(count);
        let command = dropped.command.as_bytes();
        self.refuse(&dropped.label, &dropped.reason, command, dropped.others);
    }

    /// Tells what was held back and is due.
    pub(super) fn tell_refusals(&mut self) {
        if self.news.deadline().is_some() {
            let notice = self.news.refusals.due(Instant::now());
            self.tell_notice(notice.as_ref());
        }
    }

    fn tell_notice(&self, notice: Option<&Notice>) {
        if let Some(notice) = notice {
            self.tell(&ToPage::Refused {
                label: &notice.label,
                reason: &notice.reason,
                text: &notice.text,
                more: notice.more,
            });
        }
    }

    // ---- Control -----------------------------------------------------------------------

    /// Tells a page why what it asked for was not done. What was done it sees by itself.
    pub(super) fn answer(&self, result: &Result<(), Refusal>) {
        if let Err(refusal) = result {
            let text = refusal.to_string();
            self.tell(&ToPage::Error { text: &text });
        }
    }

    /// Tells who controls, if the page does not know.
    pub(super) fn tell_standing(&mut self) {
        let standing = self.desk.standing(self.id);
        if self.news.standing.as_ref() == Some(&standing) {
            return;
        }
        let timeout = standing.timeout.map_or(-1, |time| {
            i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
        });
        if self.tell(&ToPage::Control {
            holder: standing.holder,
            you: standing.role.as_str(),
            waiting: &standing.waiting,
            timeout,
        }) {
            self.news.standing = Some(standing);
        }
    }

    pub(super) fn tell_safe(&self, label: Option<&str>, reason: &str) {
        self.tell(&ToPage::Safe { label, reason });
    }

    // ---- Instruments -------------------------------------------------------------------

    /// Tells what the page does not know of the instruments.
    pub(super) fn tell_instruments(&mut self) {
        let instruments = self.host.instruments();
        let known = std::mem::take(&mut self.news.instruments);
        for instrument in instruments {
            let old = known.iter().find(|old| old.label == instrument.label);
            if old.is_some_and(|old| instrument.is_like(old)) || self.tell_one(&instrument, old) {
                self.news.instruments.push(instrument);
            } else {
                // Not said: it goes on knowing what it knew.
                self.news.instruments.extend(old.cloned());
            }
        }
    }

    fn tell_one(&self, instrument: &Instrument, old: Option<&Instrument>) -> bool {
        let known = old.is_some_and(|old| instrument.has_profile_of(old));
        let profile = instrument
            .profile
            .as_ref()
            .and_then(|profile| profile.json.as_ref());
        self.tell(&ToPage::Instrument {
            label: &instrument.label,
            state: instrument.state.as_str(),
            text: &instrument.text,
            profile: (!known).then_some(profile),
            sends: instrument.sends,
            transmitting: instrument.transmitting,
            keys: instrument.keys,
        })
    }
}
