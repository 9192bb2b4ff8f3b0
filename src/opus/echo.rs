//! Who plays what a microphone hears: the loudspeakers of this process.
//!
//! Each `opussink` that plays announces its webrtcechoprobe here; an `opussrc` that is to
//! cancel the echo takes one of them. Either may come first. A probe serves one microphone:
//! webrtcdsp keeps it for itself.
//!
//! Lock: a leaf, held for a look-up.

use std::sync::mpsc::Sender;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::card::keeper::Note;

static REGISTER: Mutex<Register> = Mutex::new(Register {
    next: 0,
    probes: Vec::new(),
    seekers: Vec::new(),
});

struct Register {
    next: u64,
    probes: Vec<Probe>,
    seekers: Vec<Seeker>,
}

struct Probe {
    name: String,
    /// Number of the seeker that has it.
    taken: Option<u64>,
}

struct Seeker {
    number: u64,
    notes: Sender<Note>,
}

impl Register {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn partner(&self, number: u64) -> Option<&Probe> {
        let mut probes = self.probes.iter();
        probes.find(|probe| probe.taken == Some(number))
    }

    /// Those who may take a probe that has come, or miss one that has gone.
    fn without_partner(&self) -> Vec<Sender<Note>> {
        let seekers = self.seekers.iter();
        let lonely = seekers.filter(|seeker| self.partner(seeker.number).is_none());
        lonely.map(|seeker| seeker.notes.clone()).collect()
    }
}

fn register() -> MutexGuard<'static, Register> {
    REGISTER.lock().unwrap_or_else(PoisonError::into_inner)
}

fn renew(seekers: Vec<Sender<Note>>) {
    for seeker in seekers {
        let _ = seeker.send(Note::Renew);
    }
}

/// A name for a probe that no other has.
pub(super) fn probe_name() -> String {
    format!("periscope-echo-probe-{}", register().number())
}

/// A probe that can be taken, until this is dropped.
#[derive(Debug)]
pub(super) struct Announced(String);

/// Tells that a probe of this name is there.
pub(super) fn announce(name: &str) -> Announced {
    let seekers = {
        let mut register = register();
        register.probes.push(Probe {
            name: name.to_owned(),
            taken: None,
        });
        register.without_partner()
    };
    renew(seekers);
    Announced(name.to_owned())
}

impl Drop for Announced {
    fn drop(&mut self) {
        let seekers = {
            let mut register = register();
            let Some(at) = register
                .probes
                .iter()
                .position(|probe| probe.name == self.0)
            else {
                return;
            };
            let taken = register.probes.remove(at).taken;
            let bereft = |seeker: &&Seeker| Some(seeker.number) == taken;
            let seekers = register.seekers.iter().filter(bereft);
            seekers.map(|seeker| seeker.notes.clone()).collect()
        };
        renew(seekers);
    }
}

/// A microphone that wants a partner, until this is dropped.
#[derive(Debug)]
pub(super) struct Seeking(u64);

/// Tells that a microphone wants a partner; `notes` hears [`Note::Renew`] when one comes, or
/// goes.
pub(super) fn seek(notes: Sender<Note>) -> Seeking {
    let mut register = register();
    let number = register.number();
    register.seekers.push(Seeker { number, notes });
    Seeking(number)
}

impl Seeking {
    /// The name of the partner's probe, if there is one.
    pub(super) fn partner(&self) -> Option<String> {
        let mut register = register();
        if let Some(probe) = register.partner(self.0) {
            return Some(probe.name.clone());
        }
        let mut probes = register.probes.iter_mut();
        let free = probes.find(|probe| probe.taken.is_none())?;
        free.taken = Some(self.0);
        Some(free.name.clone())
    }

    /// Whether it has one.
    pub(super) fn has_partner(&self) -> bool {
        register().partner(self.0).is_some()
    }
}

impl Drop for Seeking {
    fn drop(&mut self) {
        let seekers = {
            let mut register = register();
            register.seekers.retain(|seeker| seeker.number != self.0);
            for probe in &mut register.probes {
                probe.taken.take_if(|number| *number == self.0);
            }
            register.without_partner()
        };
        renew(seekers);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    /// One after the other: what is tested is the register of the whole process, in which
    /// other tests have nothing.
    #[test]
    fn a_microphone_and_a_loudspeaker_find_each_other_in_either_order() {
        let (notes, told) = channel();
        let microphone = seek(notes);
        assert_eq!(microphone.partner(), None);
        let name = probe_name();
        let loudspeaker = announce(&name);
        assert!(matches!(told.try_recv(), Ok(Note::Renew)));
        assert_eq!(microphone.partner().as_ref(), Some(&name));
        assert_eq!(microphone.partner().as_ref(), Some(&name), "it keeps it");

        let (notes, other_told) = channel();
        let other = seek(notes);
        assert_eq!(other.partner(), None, "a probe serves one microphone");
        drop(microphone);
        assert!(matches!(other_told.try_recv(), Ok(Note::Renew)));
        assert_eq!(other.partner(), Some(name));
        drop(loudspeaker);
        assert!(matches!(other_told.try_recv(), Ok(Note::Renew)));
        assert!(!other.has_partner());
        assert_eq!(other.partner(), None);
    }
}
