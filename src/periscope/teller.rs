//! Tells the console and the bus who controls and what was made safe, on a thread of its own.
//!
//! A terminal that is stopped (Ctrl-S), a pipe that nobody reads, or an application that
//! takes its time with a message hold up whoever tells. That must not be the thread that
//! makes instruments safe.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use gst::prelude::*;

use super::bench::Messenger;
use crate::arbitration::Standing;

/// What may wait to be told. Beyond, nobody has read for a long time.
const MAX_WAITING: usize = 1024;

/// Something for a person and for the application.
#[derive(Debug)]
pub(super) enum Told {
    Control(Standing),
    /// These talk.
    Talk(Vec<u32>),
    Safe {
        /// Empty for all instruments.
        label: String,
        reason: String,
    },
}

/// See the file's documentation. Ends when it is dropped and all is told.
#[derive(Debug)]
pub(super) struct Teller(SyncSender<Told>);

impl Teller {
    pub(super) fn start(messenger: Messenger) -> io::Result<(Self, JoinHandle<()>)> {
        let (sender, told) = sync_channel(MAX_WAITING);
        let thread = std::thread::Builder::new()
            .name("periscope-teller".into())
            .spawn(move || tell_all(&told, &messenger))?;
        Ok((Self(sender), thread))
    }

    /// Never waits.
    pub(super) fn tell(&self, told: Told) {
        let _ = self.0.try_send(told);
    }
}

fn tell_all(told: &Receiver<Told>, messenger: &Messenger) {
    for told in told {
        match told {
            Told::Control(standing) => {
                let waiting = standing.waiting.iter().map(|peer| peer.to_send_value());
                messenger.post(
                    gst::Structure::builder("periscope-control")
                        .field("holder", standing.holder.unwrap_or_default())
                        .field("waiting", gst::Array::new(waiting))
                        .build(),
                );
                messenger.print("control", &describe(&standing));
            }
            Told::Talk(talking) => {
                let peers = talking.iter().map(|peer| peer.to_send_value());
                messenger.post(
                    gst::Structure::builder("periscope-talk")
                        .field("peers", gst::Array::new(peers))
                        .build(),
                );
                messenger.print("talk", &describe_talk(&talking));
            }
            Told::Safe { label, reason } => {
                messenger.post(
                    gst::Structure::builder("periscope-safe")
                        .field("label", &label)
                        .field("reason", &reason)
                        .build(),
                );
                let line = match label.as_str() {
                    "" => reason,
                    label => format!("{label}: {reason}"),
                };
                messenger.print("safe", &line);
            }
        }
    }
}

pub(super) fn describe(standing: &Standing) -> String {
    let holder = match standing.holder {
        Some(peer) => format!("viewer {peer} has control"),
        None => "nobody has control".to_owned(),
    };
    let waiting: Vec<String> = standing.waiting.iter().map(ToString::to_string).collect();
    match waiting.as_slice() {
        [] => holder,
        [one] => format!("{holder}, viewer {one} asks for it"),
        more => format!("{holder}, viewers {} ask for it", more.join(", ")),
    }
}

fn describe_talk(talking: &[u32]) -> String {
    let talking: Vec<String> = talking.iter().map(ToString::to_string).collect();
    match talking.as_slice() {
        [] => "nobody talks".to_owned(),
        [one] => format!("viewer {one} talks"),
        more => format!("viewers {} talk", more.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arbitration::Role;

    #[test]
    fn a_person_is_told_who_talks() {
        assert_eq!(describe_talk(&[]), "nobody talks");
        assert_eq!(describe_talk(&[3]), "viewer 3 talks");
        assert_eq!(describe_talk(&[3, 7]), "viewers 3, 7 talk");
    }

    #[test]
    fn a_person_is_told_who_controls_and_who_waits() {
        let standing = |holder, waiting: &[u32]| Standing {
            holder,
            role: Role::None,
            waiting: waiting.to_vec(),
            timeout: None,
        };
        assert_eq!(describe(&standing(None, &[])), "nobody has control");
        assert_eq!(
            describe(&standing(Some(3), &[5])),
            "viewer 3 has control, viewer 5 asks for it"
        );
        assert_eq!(
            describe(&standing(Some(3), &[5, 7])),
            "viewer 3 has control, viewers 5, 7 ask for it"
        );
    }
}
