//! A peer that talks: the line for its voice, its part in who talks, and the transmitters that
//! are keyed for it.

use std::time::Instant;

use super::control::ToPage;
use super::session::{Session, Verification};
use crate::intercom::roster::Standing;
use crate::signaling::code::Rights;
use crate::voice::floor::Refusal;

/// What a page was told of talking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TalkTold {
    mid: Option<String>,
    standing: Standing,
}

impl Session {
    /// Whether there is a point in a line for what is said at the other side.
    pub(super) fn may_be_heard(&self) -> bool {
        let may_talk = self.admission.rights == Rights::Control;
        self.intercom.could_hear(may_talk)
    }

    /// Has the peer heard, once it is known who it is and what it sends.
    pub(super) fn connect_voice(&mut self) {
        if matches!(self.verification, Verification::Done)
            && let Some(payload_type) = self.heard_as()
        {
            self.ear.expect();
            self.intercom.connect(self.id, payload_type);
        }
    }

    /// The person at the page begins to talk. First the transmitters: who believes to be on
    /// the air and is not is better told so.
    pub(super) fn begin_talking(&mut self, transmit: &[String], at: Instant) {
        let begun = self.intercom.start(self.id, !transmit.is_empty());
        if let Err(refusal) = begun.and_then(|()| self.transmit_on(transmit, at)) {
            self.release_keys();
            self.intercom.refuse(self.id, refusal);
        }
        self.tell_talk();
    }

    /// Keys the transmitters of these labels, and no others.
    fn transmit_on(&mut self, labels: &[String], at: Instant) -> Result<(), Refusal> {
        let (keyed, over): (Vec<_>, Vec<_>) = std::mem::take(&mut self.news.keyed)
            .into_iter()
            .partition(|(label, _)| labels.contains(label));
        self.news.keyed = keyed;
        self.unkey(&over);
        for label in labels {
            if !self.news.keyed.iter().any(|(keyed, _)| keyed == label) {
                let number = self
                    .host
                    .key(self.id, label, at)
                    .map_err(|reason| Refusal::Transmitter(format!("{label}: {reason}")))?;
                self.news.keyed.push((label.clone(), number));
            }
        }
        Ok(())
    }

    /// The person does not talk any more, or cannot.
    pub(super) fn stop_talking(&mut self) {
        self.release_keys();
        self.intercom.end(self.id);
    }

    fn release_keys(&mut self) {
        let keyed = std::mem::take(&mut self.news.keyed);
        self.unkey(&keyed);
    }

    fn unkey(&self, keyed: &[(String, u64)]) {
        for (label, number) in keyed {
            self.host.unkey(label, *number);
        }
    }

    /// Tells a page who talks and whether it may, if it does not know.
    pub(super) fn tell_talk(&mut self) {
        let standing = self.intercom.standing(self.id);
        if !standing.talks() {
            // The bench may have ended it.
            self.release_keys();
        }
        if !self.news.talks {
            return;
        }
        let mid = self.negotiation.heard_on().map(|(mid, _)| mid.to_owned());
        let told = TalkTold { mid, standing };
        if self.news.talk.as_ref() == Some(&told) {
            return;
        }
        // A bench that takes nothing of what is said has no need to speak of it, unless it is
        // asked.
        if self.news.talk.is_none() && !told.standing.has_listener && told.standing.is_unasked() {
            return;
        }
        let TalkTold { mid, standing } = &told;
        if self.tell(&ToPage::Talk {
            mid: mid.as_deref(),
            floor: standing.mode.as_str(),
            you: standing.own.as_str(),
            reason: &standing.reason(),
            talking: &standing.talking,
        }) {
            self.news.talk = Some(told);
        }
    }
}
