//! Who may talk, and why somebody may not.
//!
//! In come what viewers want and what the bench allows; out goes for each viewer how it
//! stands. There is no queue: whoever asks while the floor is taken is refused, and asks
//! again.

use std::collections::BTreeMap;

/// How many may talk at a time.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Everybody at once.
    #[default]
    All,
    /// Who asks first, until that one has finished.
    One,
    None,
}

impl Mode {
    /// As the control channel has it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::One => "one",
            Self::None => "none",
        }
    }
}

/// Why a viewer may not talk, as a part of a sentence for that person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("this bench takes no sound from viewers (talk=none)")]
    Mode,
    #[error("nothing at the bench takes sound (no audio_src pad is linked)")]
    NoListener,
    #[error("this code is for watching and listening only")]
    View,
    #[error("viewer {0} is talking")]
    Taken(u32),
    #[error("only one viewer may talk at a time now")]
    OnlyOne,
    /// A transmitter was to be keyed, and could not be.
    #[error("{0}")]
    Transmitter(String),
    #[error("the bench has not heard from this page for a moment")]
    Silent,
}

/// How a viewer stands.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It does not want to talk.
    #[default]
    None,
    Talking,
    /// It wanted to talk, or was talking, and has to ask anew.
    Refused(Refusal),
}

impl Standing {
    /// As the control channel has it.
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Talking => "talking",
            Self::Refused(_) => "refused",
        }
    }
}

/// See the file's documentation.
#[derive(Debug, Default)]
pub(crate) struct Floor {
    mode: Mode,
    /// Whether somebody at the bench listens.
    has_listener: bool,
    /// Those that have asked and have not stopped; none is [`Standing::None`].
    viewers: BTreeMap<u32, Standing>,
}

impl Floor {
    pub(crate) fn new(mode: Mode) -> Self {
        Self {
            mode,
            ..Self::default()
        }
    }

    pub(crate) fn mode(&self) -> Mode {
        self.mode
    }

    /// Sets how many may talk. Who may not any more is refused; if only one may, who talks
    /// beside others has to ask anew, as has everybody else.
    pub(crate) fn set_mode(&mut self, mode: Mode) {
        self.mode = mode;
        match mode {
            Mode::All => {}
            Mode::One if self.talking().count() <= 1 => {}
            Mode::One => self.take_from_all(&Refusal::OnlyOne),
            Mode::None => self.take_from_all(&Refusal::Mode),
        }
    }

    /// Sets whether anything at the bench takes the sound.
    pub(crate) fn set_listener(&mut self, has_listener: bool) {
        self.has_listener = has_listener;
        if !has_listener {
            self.take_from_all(&Refusal::NoListener);
        }
    }

    /// Whether anything takes what is said.
    pub(crate) const fn has_listener(&self) -> bool {
        self.has_listener
    }

    /// Why asking is in vain, whoever else talks. `may_talk`: by the viewer's code.
    pub(crate) fn obstacle(&self, may_talk: bool) -> Option<Refusal> {
        match self.mode {
            Mode::None => Some(Refusal::Mode),
            _ if !may_talk => Some(Refusal::View),
            _ if !self.has_listener => Some(Refusal::NoListener),
            _ => None,
        }
    }

    /// A viewer wants to talk. Gives how it stands now.
    pub(crate) fn ask(&mut self, viewer: u32, may_talk: bool) -> Standing {
        let other = match self.mode {
            Mode::One => self.talking().find(|other| *other != viewer),
            Mode::All | Mode::None => None,
        };
        let refusal = self.obstacle(may_talk).or(other.map(Refusal::Taken));
        let standing = refusal.map_or(Standing::Talking, Standing::Refused);
        self.viewers.insert(viewer, standing.clone());
        standing
    }

    /// A viewer has finished, or is gone. True if it talked.
    pub(crate) fn stop(&mut self, viewer: u32) -> bool {
        self.viewers.remove(&viewer) == Some(Standing::Talking)
    }

    /// The bench does not let a viewer talk any longer. True if it talked.
    pub(crate) fn take_from(&mut self, viewer: u32, why: Refusal) -> bool {
        match self.viewers.get_mut(&viewer) {
            Some(standing @ Standing::Talking) => {
                *standing = Standing::Refused(why);
                true
            }
            _ => false,
        }
    }

    fn take_from_all(&mut self, why: &Refusal) {
        for standing in self.viewers.values_mut() {
            if *standing == Standing::Talking {
                *standing = Standing::Refused(why.clone());
            }
        }
    }

    pub(crate) fn standing(&self, viewer: u32) -> Standing {
        self.viewers.get(&viewer).cloned().unwrap_or_default()
    }

    /// Those that talk, by their numbers.
    pub(crate) fn talking(&self) -> impl Iterator<Item = u32> + '_ {
        let talks = |standing: &Standing| *standing == Standing::Talking;
        let viewers = self.viewers.iter();
        viewers.filter_map(move |(viewer, standing)| talks(standing).then_some(*viewer))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn floor(mode: Mode) -> Floor {
        let mut floor = Floor::new(mode);
        floor.set_listener(true);
        floor
    }

    fn talking(floor: &Floor) -> Vec<u32> {
        floor.talking().collect()
    }

    #[test]
    fn everybody_talks_at_once_where_all_may() {
        let mut floor = floor(Mode::All);
        assert_eq!(floor.ask(7, true), Standing::Talking);
        assert_eq!(floor.ask(3, true), Standing::Talking);
        assert_eq!(talking(&floor), [3, 7]);
        assert!(floor.stop(7));
        assert!(!floor.stop(7));
        assert_eq!(talking(&floor), [3]);
    }

    #[test]
    fn the_first_who_asks_talks_and_then_the_floor_is_free_for_who_asks_anew() {
        let mut floor = floor(Mode::One);
        assert_eq!(floor.ask(3, true), Standing::Talking);
        assert_eq!(floor.ask(3, true), Standing::Talking, "asked twice");
        let refused = Standing::Refused(Refusal::Taken(3));
        assert_eq!(floor.ask(7, true), refused);
        assert!(floor.stop(3));
        assert_eq!(floor.standing(7), refused, "nobody is queued");
        assert_eq!(talking(&floor), [0; 0]);
        assert_eq!(floor.ask(7, true), Standing::Talking);
    }

    #[test]
    fn who_only_watches_never_talks() {
        let mut floor = floor(Mode::All);
        assert_eq!(floor.ask(3, false), Standing::Refused(Refusal::View));
        assert_eq!(floor.obstacle(false), Some(Refusal::View));
        assert_eq!(floor.obstacle(true), None);
    }

    #[test]
    fn nobody_talks_where_nobody_listens_or_none_may() {
        let mut floor = Floor::new(Mode::All);
        assert_eq!(floor.ask(3, true), Standing::Refused(Refusal::NoListener));
        floor.set_listener(true);
        assert_eq!(floor.ask(3, true), Standing::Talking);
        floor.set_listener(false);
        assert_eq!(floor.standing(3), Standing::Refused(Refusal::NoListener));
        floor.set_listener(true);
        assert_eq!(talking(&floor), [0; 0], "a new press is needed");
        floor.ask(3, true);
        floor.set_mode(Mode::None);
        assert_eq!(floor.ask(3, true), Standing::Refused(Refusal::Mode));
    }

    #[test]
    fn who_talks_alone_may_go_on_when_only_one_may() {
        let mut floor = floor(Mode::All);
        floor.ask(3, true);
        floor.set_mode(Mode::One);
        assert_eq!(talking(&floor), [3]);
        floor.set_mode(Mode::All);
        floor.ask(7, true);
        floor.set_mode(Mode::One);
        assert_eq!(talking(&floor), [0; 0]);
        assert_eq!(floor.standing(3), Standing::Refused(Refusal::OnlyOne));
    }

    #[test]
    fn the_bench_takes_the_floor_away_with_a_reason() {
        let mut floor = floor(Mode::One);
        floor.ask(3, true);
        assert!(!floor.take_from(7, Refusal::Silent));
        assert!(floor.take_from(3, Refusal::Silent));
        assert!(!floor.take_from(3, Refusal::Mode), "the first reason stays");
        assert_eq!(floor.standing(3), Standing::Refused(Refusal::Silent));
        assert_eq!(floor.ask(7, true), Standing::Talking);
    }

    #[test]
    fn reasons_are_parts_of_sentences() {
        assert_eq!(Refusal::Taken(3).to_string(), "viewer 3 is talking");
        for refusal in [Refusal::Mode, Refusal::Silent, Refusal::NoListener] {
            let text = refusal.to_string();
            assert!(text.starts_with(char::is_lowercase) && !text.ends_with('.'));
        }
    }

    proptest! {
        #[test]
        fn never_do_more_talk_than_may(
            acts in proptest::collection::vec((0..7_u8, 0..4_u32, any::<bool>()), 0..200),
        ) {
            let mut floor = Floor::new(Mode::All);
            let mut rights = [false; 4];
            for (act, viewer, flag) in acts {
                match act {
                    0 | 1 => {
                        rights[viewer as usize] = flag;
                        floor.ask(viewer, flag);
                    }
                    2 => floor.set_listener(flag),
                    3 => { floor.stop(viewer); }
                    4 => { floor.take_from(viewer, Refusal::Silent); }
                    5 => floor.set_mode(if flag { Mode::All } else { Mode::One }),
                    _ => floor.set_mode(Mode::None),
                }
                let talking: Vec<u32> = floor.talking().collect();
                prop_assert!(talking.iter().all(|viewer| rights[*viewer as usize]));
                prop_assert!(talking.is_empty() || floor.has_listener);
                match floor.mode() {
                    Mode::All => {}
                    Mode::One => prop_assert!(talking.len() <= 1),
                    Mode::None => prop_assert!(talking.is_empty()),
                }
            }
        }
    }
}
