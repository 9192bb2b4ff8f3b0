//! Who controls the instruments, as the bench carries it out and tells it.

use gst::prelude::*;

use super::bench::{Bench, lock};
use crate::arbitration::Standing;
use crate::arbitration::desk::{Counts, Crew};
use crate::media::data::News;

impl Crew for Bench {
    fn control_changed(&self, standing: &Standing) {
        self.peers.control_changed();
        let told = lock(&self.told_control).replace(standing.clone());
        let nobody = |standing: &Standing| standing.holder.is_none() && standing.waiting.is_empty();
        if told.as_ref() == Some(standing) || (told.is_none() && nobody(standing)) {
            return;
        }
        let waiting = standing.waiting.iter().map(|peer| peer.to_send_value());
        self.messenger.post(
            gst::Structure::builder("periscope-control")
                .field("holder", standing.holder.unwrap_or_default())
                .field("waiting", gst::Array::new(waiting))
                .build(),
        );
        self.messenger.print("control", &describe(standing));
    }

    fn make_safe(&self, reason: &str, after: u64) {
        self.data.make_safe(reason, after);
        self.peers.made_safe(None, reason);
        self.tell_safe("", reason);
    }
}

impl Bench {
    /// News of the instruments. Called on streaming threads.
    pub(super) fn hear(&self, news: News) {
        match news {
            News::Instruments => self.peers.instruments_changed(),
            News::Safe { label, reason } => {
                self.peers.made_safe(Some(&label), &reason);
                self.tell_safe(&label, &reason);
            }
            News::Trouble(text) => self.messenger.warn(&text),
        }
    }

    /// `label` is empty for all instruments.
    fn tell_safe(&self, label: &str, reason: &str) {
        self.messenger.post(
            gst::Structure::builder("periscope-safe")
                .field("label", label)
                .field("reason", reason)
                .build(),
        );
        let line = match label {
            "" => reason.to_owned(),
            label => format!("{label}: {reason}"),
        };
        self.messenger.print("safe", &line);
    }

    /// Has the instruments made safe unless they are.
    pub(super) fn rest(&self, reason: &str) {
        self.desk.rest(reason);
    }

    /// All that comes into the element has ended.
    pub(super) fn end_of_stream(&self) {
        self.rest("the pipeline has come to its end");
        self.data.end();
    }

    /// Takes control away. False if nobody has it.
    pub(super) fn release_control(&self) -> bool {
        self.desk.revoke()
    }

    pub(super) fn print_control(&self) {
        let (standing, _) = self.desk.overview();
        self.messenger.print("control", &describe(&standing));
    }

    /// Who controls and who waits, and what was counted.
    pub(super) fn control_statistics(&self) -> (Standing, Counts) {
        self.desk.overview()
    }
}

fn describe(standing: &Standing) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arbitration::Role;

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
