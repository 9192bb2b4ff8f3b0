//! What a peer and the bench say to each other: the control channel, and the messages of
//! instruments.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Report;
use super::chunks::Payload;
use super::control::{self, FromPage, StreamInfo, ToPage};
use super::inbox::Event;
use super::negotiation::Line;
use super::session::{Session, Verification};
use crate::signaling::code::Rights;

/// How long a farewell may take to leave.
const WAIT_FOR_FAREWELL: Duration = Duration::from_millis(100);
/// Bytes of replies that may wait for a page that does not read.
const MAX_UNREAD: u64 = 1024 * 1024;

impl Session {
    pub(super) fn channel_is_open(&mut self, label: &Arc<str>) -> ControlFlow<String> {
        self.verify()?;
        self.log(&format!("channel “{label}” is open"));
        if &**label == control::LABEL {
            if let Some(control) = &mut self.control {
                control.open = true;
            }
            if matches!(self.verification, Verification::Done) {
                self.open_data_channels();
            }
            self.tell_welcome();
            self.renegotiate();
        } else if matches!(self.verification, Verification::Done)
            && let Some(channel) = self.opened.get(label)
        {
            self.channels.insert(label, channel);
        }
        ControlFlow::Continue(())
    }

    pub(super) fn open_data_channels(&mut self) {
        // The other side may have no data channels at all. And while SCTP is coming up,
        // webrtcbin starts a channel that is made just then twice: it may never open.
        if !self.control.as_ref().is_some_and(|control| control.open) {
            return;
        }
        for label in self.host.labels() {
            if self.opened.contains_key(&label) {
                continue;
            }
            match self
                .rtc
                .create_channel(&label, None, control::DATA_PROTOCOL, &self.outbox)
            {
                Ok(channel) => {
                    self.opened.insert(label, channel);
                }
                Err(error) => self
                    .host
                    .report(Report::Trouble(format!("peer {}: {error:#}", self.id))),
            }
        }
    }

    pub(super) fn take_message(
        &mut self,
        label: &Arc<str>,
        payload: Payload,
    ) -> ControlFlow<String> {
        if &**label == control::LABEL {
            return match payload {
                Payload::Text(text) => self.take_control(&text),
                Payload::Binary(_) => ControlFlow::Continue(()),
            };
        }
        match self
            .reassemblers
            .entry(label.clone())
            .or_default()
            .take(payload)
        {
            Ok(Some(_)) if self.admission.rights == Rights::View => self.tell(&ToPage::Error {
                text: "not sent: your code is for watching. Ask at the bench for one to control \
                       with (“code control”)",
            }),
            Ok(Some(whole)) => self.host.deliver(label, whole),
            Ok(None) => {}
            Err(error) => self.tell(&ToPage::Error {
                text: &error.to_string(),
            }),
        }
        ControlFlow::Continue(())
    }

    pub(super) fn take_control(&mut self, text: &str) -> ControlFlow<String> {
        match FromPage::read(text) {
            Ok(FromPage::Hello { version, codecs }) => {
                self.log("says hello");
                if version != control::VERSION {
                    self.tell(&ToPage::Error {
                        text: &format!(
                            "this page speaks version {version}, the bench version {}: some \
                             things may not work",
                            control::VERSION
                        ),
                    });
                }
                if let Some(control) = &mut self.control {
                    control.open = true;
                    control.codecs = Some(codecs);
                }
                // From now on it has to be heard of: a page may be killed before it has
                // sent its first ping.
                self.last_ping.get_or_insert_with(Instant::now);
                self.tell_welcome();
                self.renegotiate();
                self.warm_up();
            }
            Ok(FromPage::Answer { id, sdp }) => self.take_reanswer(id, &sdp),
            Ok(FromPage::Ping { t }) => {
                self.last_ping = Some(Instant::now());
                self.tell(&ToPage::Pong { t });
            }
            Ok(FromPage::Bye { .. }) => return self.page_has_left(),
            Ok(FromPage::Unknown) => {}
            Err(error) => self.tell(&ToPage::Error {
                text: &error.to_string(),
            }),
        }
        ControlFlow::Continue(())
    }

    /// Says something to the page, if it is one that has said hello.
    pub(super) fn tell(&self, message: &ToPage<'_>) {
        if let Some(control) = &self.control
            && control.open
            && control.codecs.is_some()
            && matches!(self.verification, Verification::Done)
            && control.channel.buffered_amount() < MAX_UNREAD
        {
            let _ = control.channel.send_string_full(Some(&message.to_json()));
        }
    }

    pub(super) fn tell_welcome(&self) {
        let streams = self
            .media
            .streams()
            .iter()
            .map(|stream| StreamInfo {
                mid: self.negotiation.mid_of(&stream.name),
                kind: stream.kind_name(),
                name: stream.name.clone(),
            })
            .collect();
        self.tell(&ToPage::Welcome {
            version: control::VERSION,
            name: concat!("periscope ", env!("CARGO_PKG_VERSION")),
            peer: self.id,
            rights: self.admission.rights.as_str(),
            streams,
            channels: self.host.labels().iter().map(ToString::to_string).collect(),
        });
    }

    /// Nobody is there to be told anything: of each message to a channel that has ended
    /// webrtcbin 1.22 keeps an element for good.
    pub(super) fn page_has_left(&mut self) -> ControlFlow<String> {
        self.farewell = false;
        ControlFlow::Break("the page was closed".into())
    }

    /// Tells the page why, and gives the message a moment to leave.
    pub(super) fn say_farewell(&mut self, reason: &str) {
        for line in &mut self.negotiation.lines {
            if let Line::Sending(sending) = line {
                sending.stop();
            }
        }
        if !self.farewell {
            return;
        }
        self.tell(&ToPage::Bye { text: reason });
        let Some(control) = &self.control else {
            return;
        };
        if !control.open || control.codecs.is_none() {
            return;
        }
        // Ends early when the page, having heard it, closes its side.
        let until = Instant::now() + WAIT_FOR_FAREWELL;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.inbox.receive(Some(left)) {
                Ok(Event::ChannelClosed(_) | Event::PipelineError { .. }) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }
}
