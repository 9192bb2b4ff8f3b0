//! The element as its peers see it.

use std::sync::Arc;
use std::time::Instant;

use super::bench::Messenger;
use super::door::Door;
use crate::arbitration::desk::Desk;
use crate::media::data::Data;
use crate::media::data::instrument::Instrument;
use crate::peer::channels::ChannelOptions;
use crate::peer::chunks::Payload;
use crate::peer::{Host, Report};
use crate::signaling::code::CodeId;

/// What the peers know of the element.
pub(super) struct BenchHost {
    pub(super) messenger: Messenger,
    pub(super) data: Arc<Data>,
    pub(super) door: Arc<Door>,
    pub(super) desk: Arc<Desk>,
}

impl Host for BenchHost {
    fn report(&self, report: Report) {
        match report {
            Report::State { peer, state, text } => {
                let line = match (state, text.as_str()) {
                    (_, "") => format!("{peer} {}", state.as_str()),
                    (_, text) => format!("{peer} {}: {text}", state.as_str()),
                };
                self.messenger.print("peer", &line);
                self.messenger.post(
                    gst::Structure::builder("periscope-peer")
                        .field("peer", peer)
                        .field("state", state.as_str())
                        .field("text", text)
                        .build(),
                );
            }
            Report::Trouble(text) => self.messenger.warn(&text),
        }
    }

    /// What may not go out takes no control.
    fn command(
        &self,
        peer: u32,
        label: &str,
        command: &Payload,
        at: Instant,
    ) -> Result<(), String> {
        self.data
            .check(label, command.as_bytes())
            .map_err(|error| error.to_string())?;
        let number = self
            .desk
            .command(peer, at)
            .map_err(|refusal| refusal.to_string())?;
        self.data
            .deliver(peer, label, command, number, at)
            .map_err(|error| error.to_string())
    }

    /// Whoever keys a transmitter takes control of it, as with a command.
    fn key(&self, peer: u32, label: &str, at: Instant) -> Result<u64, String> {
        self.data
            .check_talk(label)
            .map_err(|error| error.to_string())?;
        let number = self
            .desk
            .command(peer, at)
            .map_err(|refusal| refusal.to_string())?;
        self.data
            .begin_talk(label, number)
            .map_err(|error| error.to_string())?;
        Ok(number)
    }

    fn unkey(&self, label: &str, number: u64) {
        self.data.end_talk(label, number);
    }

    fn admit(&self, code: CodeId, certificate: &[u8; 32]) -> bool {
        self.door.admit(code, certificate)
    }

    fn channels(&self) -> Vec<(Arc<str>, ChannelOptions)> {
        self.data.channels()
    }

    fn instruments(&self) -> Vec<Instrument> {
        self.data.instruments()
    }
}
