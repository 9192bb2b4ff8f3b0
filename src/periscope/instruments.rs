//! Who controls the instruments, as the bench carries it out and tells it.

use super::bench::{Bench, lock};
use super::teller::{Told, describe};
use crate::arbitration::Standing;
use crate::arbitration::desk::{Counts, Crew};
use crate::intercom::Audience;
use crate::media::data::News;

impl Crew for Bench {
    fn control_changed(&self, standing: &Standing) {
        self.peers.control_changed();
        let told = lock(&self.told_control).replace(standing.clone());
        let nobody = |standing: &Standing| standing.holder.is_none() && standing.waiting.is_empty();
        if told.as_ref() == Some(standing) || (told.is_none() && nobody(standing)) {
            return;
        }
        self.tell(Told::Control(standing.clone()));
    }

    fn make_safe(&self, reason: &str, after: u64) {
        self.data.make_safe(reason, after);
        self.peers.made_safe(None, reason);
        self.tell_safe("", reason);
    }
}

impl Audience for Bench {
    fn talk_changed(&self, talking: &[u32]) {
        self.peers.talk_changed();
        self.tell(Told::Talk(talking.to_vec()));
    }

    fn talk_allowed(&self) {
        // A line for the microphone may be needed, too.
        self.peers.streams_changed();
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
            News::Dropped(dropped) => self.peers.dropped(dropped),
            News::Trouble(text) => self.messenger.warn(&text),
        }
    }

    /// `label` is empty for all instruments.
    fn tell_safe(&self, label: &str, reason: &str) {
        self.tell(Told::Safe {
            label: label.to_owned(),
            reason: reason.to_owned(),
        });
    }

    /// Never waits: the thread that makes instruments safe calls this.
    fn tell(&self, told: Told) {
        if let Some(teller) = &*lock(&self.teller) {
            teller.tell(told);
        }
    }

    /// Has the instruments made safe unless they are.
    pub(super) fn rest(&self, reason: &str) {
        self.desk.rest(reason);
    }

    /// The pipeline plays: commands may go out.
    pub(super) fn resume(&self) {
        self.desk.resume();
    }

    /// All that comes into the element has ended.
    pub(super) fn end_of_stream(&self) {
        self.rest("the pipeline has come to its end");
        self.data.end();
        self.intercom.end_of_stream();
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
