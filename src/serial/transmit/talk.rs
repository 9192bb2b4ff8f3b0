//! Push-to-talk: a transmitter that is keyed while somebody talks.
//!
//! Whoever talks says when it begins and when it ends; all else that ends a transmission ends
//! this one too, and then nothing keys it again but a new beginning.

/// A modem line that keys a transmitter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyLine {
    Rts,
    Dtr,
}

/// How a transmitter is keyed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Keying {
    /// Written when somebody begins to talk, ready to be sent.
    pub(crate) start: Option<Vec<u8>>,
    /// Written at the end.
    pub(crate) end: Option<Vec<u8>>,
    /// Raised meanwhile.
    pub(crate) line: Option<KeyLine>,
}

impl Keying {
    /// Whether there is anything by which it could be keyed.
    pub(crate) const fn is_possible(&self) -> bool {
        self.start.is_some() || self.line.is_some()
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Silent,
    /// Somebody talks; the transmitter is keyed as soon as it may be.
    Due,
    /// Somebody talks, and the transmitter is keyed.
    Keyed,
}

/// What is to be done at the end of talking.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Ending<'a> {
    /// To be lowered at once.
    pub(crate) line: Option<KeyLine>,
    /// To be written.
    pub(crate) string: Option<&'a [u8]>,
}

/// The talking on one port.
#[derive(Debug, Default)]
pub(crate) struct Talk {
    keying: Keying,
    state: State,
}

impl Talk {
    pub(crate) fn new(keying: Keying) -> Self {
        Self {
            keying,
            state: State::Silent,
        }
    }

    /// The line that keys, whether it is raised or not.
    pub(crate) const fn line(&self) -> Option<KeyLine> {
        self.keying.line
    }

    /// Somebody begins to talk. Nothing happens if somebody talks already.
    pub(crate) fn begin(&mut self) {
        if self.keying.is_possible() && self.state == State::Silent {
            self.state = State::Due;
        }
    }

    /// How to key the transmitter now, if that is due.
    pub(crate) fn key(&mut self) -> Option<&Keying> {
        if self.state != State::Due {
            return None;
        }
        self.state = State::Keyed;
        Some(&self.keying)
    }

    /// The talking ends. Nothing is to be done if nobody talked.
    pub(crate) fn end(&mut self) -> Ending<'_> {
        match std::mem::take(&mut self.state) {
            State::Silent | State::Due => Ending::default(),
            State::Keyed => Ending {
                line: self.keying.line,
                string: self.keying.end.as_deref(),
            },
        }
    }

    /// The instrument is made safe, or its port is gone: whoever talks is not on the air any
    /// more. Returns the line that is to be lowered at once.
    pub(crate) fn cut(&mut self) -> Option<KeyLine> {
        self.end().line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn talk() -> Talk {
        Talk::new(Keying {
            start: Some(b"TX;".to_vec()),
            end: Some(b"RX;".to_vec()),
            line: Some(KeyLine::Rts),
        })
    }

    const ENDING: Ending<'_> = Ending {
        line: Some(KeyLine::Rts),
        string: Some(b"RX;"),
    };

    #[test]
    fn it_keys_once_for_each_time_that_somebody_begins() {
        let mut talk = talk();
        assert_eq!(talk.key(), None);
        for _ in 0..2 {
            talk.begin();
            assert!(talk.key().is_some());
            talk.begin();
            assert_eq!(talk.key(), None, "a second beginning");
            assert_eq!(talk.end(), ENDING);
            assert_eq!(talk.end(), Ending::default(), "a second end");
        }
    }

    #[test]
    fn an_end_before_it_was_keyed_leaves_it_unkeyed() {
        let mut talk = talk();
        talk.begin();
        assert_eq!(talk.end(), Ending::default());
        assert_eq!(talk.key(), None);
    }

    #[test]
    fn who_was_cut_off_has_to_begin_anew() {
        let mut talk = talk();
        talk.begin();
        talk.key();
        assert_eq!(talk.cut(), Some(KeyLine::Rts));
        assert_eq!(talk.cut(), None);
        assert_eq!(talk.end(), Ending::default());
        assert_eq!(talk.key(), None);
        talk.begin();
        assert!(talk.key().is_some());
    }

    #[test]
    fn what_cannot_be_keyed_is_not() {
        let mut talk = Talk::new(Keying {
            end: Some(b"RX;".to_vec()),
            ..Keying::default()
        });
        talk.begin();
        assert_eq!(talk.key(), None);
        assert_eq!(talk.end(), Ending::default());
    }
}
