//! What a peer and the bench say to each other: the control channel, and the messages of
//! instruments.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Report;
use super::channels::{ChannelOptions, SlowViewer};
use super::chunks::Payload;
use super::control::{self, FromPage, StreamInfo, ToPage};
use super::inbox::Event;
use super::lines::Line;
use super::session::{Session, Verification};

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
            && &**label != control::HEARTBEAT_LABEL
            && let Some(channel) = self.opened.get(label)
        {
            let options = self.host.channels().into_iter();
            let options = options.into_iter().find(|(known, _)| known == label);
            let slow_viewer = options.map_or_else(SlowViewer::default, |(_, o)| o.slow_viewer);
            self.channels.insert(label, channel, slow_viewer);
        }
        ControlFlow::Continue(())
    }

    pub(super) fn open_data_channels(&mut self) {
        // The other side may have no data channels at all. And while SCTP is coming up,
        // webrtcbin starts a channel that is made just then twice: it may never open.
        if !self.control.as_ref().is_some_and(|control| control.open) {
            return;
        }
        for (label, options) in self.host.channels() {
            self.open_channel(label, options);
        }
    }

    /// Opens a channel unless it is there. False if that cannot be done.
    pub(super) fn open_channel(&mut self, label: Arc<str>, options: ChannelOptions) -> bool {
        if self.opened.contains_key(&label) {
            return true;
        }
        let protocol = control::DATA_PROTOCOL;
        match self
            .rtc
            .create_channel(&label, None, protocol, options, &self.outbox)
        {
            Ok(channel) => {
                self.opened.insert(label, channel);
                true
            }
            Err(error) => {
                let text = format!("peer {}: {error:#}", self.id);
                self.host.report(Report::Trouble(text));
                false
            }
        }
    }

    pub(super) fn take_message(
        &mut self,
        label: &Arc<str>,
        payload: Payload,
        at: Instant,
    ) -> ControlFlow<String> {
        if &**label == control::LABEL {
            return match payload {
                Payload::Text(text) => self.take_control(&text, at),
                Payload::Binary(_) => ControlFlow::Continue(()),
            };
        }
        match self
            .reassemblers
            .entry(label.clone())
            .or_default()
            .take(payload)
        {
            Ok(Some(whole)) => self.take_command(label, &whole, at),
            Ok(None) => {}
            Err(error) => self.refuse(label, &error.to_string(), &[], 0),
        }
        let lost = self.inbox.take_lost();
        if lost > 0 {
            let reason = "commands come faster than the bench reads them";
            self.refuse(label, reason, &[], lost - 1);
        }
        ControlFlow::Continue(())
    }

    pub(super) fn take_control(&mut self, text: &str, at: Instant) -> ControlFlow<String> {
        match FromPage::read(text) {
            Ok(FromPage::Hello {
                version,
                codecs,
                features,
            }) => {
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
                self.greet(&features, at);
                self.tell_welcome();
                self.renegotiate();
                self.warm_up();
            }
            Ok(FromPage::Answer { id, sdp }) => self.take_reanswer(id, &sdp),
            Ok(FromPage::Ping { t }) => {
                self.last_ping = Some(Instant::now());
                self.pong(t);
            }
            Ok(FromPage::Bye { .. }) => return self.page_has_left(),
            Ok(FromPage::Take) => self.answer(&self.desk.take(self.id, at)),
            Ok(FromPage::Release) => self.answer(&self.desk.release(self.id, at)),
            Ok(FromPage::Give { to }) => self.answer(&self.desk.give(self.id, to, at)),
            Ok(FromPage::Keep) => self.answer(&self.desk.keep(self.id)),
            Ok(FromPage::Talk { on: true, transmit }) => self.begin_talking(&transmit, at),
            Ok(FromPage::Talk { on: false, .. }) => {
                self.stop_talking();
                self.tell_talk();
            }
            Ok(FromPage::Skip { mid, ms }) => self.skip(&mid, Duration::from_millis(ms.into())),
            Ok(FromPage::Unknown) => {}
            Err(error) => {
                let text = error.to_string();
                self.tell(&ToPage::Error { text: &text });
            }
        }
        ControlFlow::Continue(())
    }

    /// Says something to the page, if it is one that has said hello. False if it was not said.
    pub(super) fn tell(&self, message: &ToPage<'_>) -> bool {
        if let Some(control) = &self.control
            && control.open
            && control.codecs.is_some()
            && matches!(self.verification, Verification::Done)
            && control.channel.buffered_amount() < MAX_UNREAD
        {
            let json = message.to_json();
            return control.channel.send_string_full(Some(&json)).is_ok();
        }
        false
    }

    pub(super) fn tell_welcome(&mut self) {
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
        let channels = self.host.channels();
        self.tell(&ToPage::Welcome {
            version: control::VERSION,
            name: concat!("periscope ", env!("CARGO_PKG_VERSION")),
            peer: self.id,
            rights: self.admission.rights.as_str(),
            streams,
            channels: channels
                .iter()
                .map(|(label, _)| label.to_string())
                .collect(),
        });
        self.tell_instruments();
        self.tell_standing();
        self.tell_talk();
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
