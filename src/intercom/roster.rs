//! Who may talk, who does and who is heard (pure; time is an argument).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::arbitration::pulse::Pulse;
use crate::voice::floor::{self, Floor, Mode, Refusal};

/// After that time without a packet a viewer who does not tell has ended. Opus in DTX sends
/// one each 400 ms.
const SILENT: Duration = Duration::from_millis(800);

/// A page that keys no transmitter may be silent for so long at least: a network that stands
/// still for a second is no reason to cut somebody off. One that hangs must not be heard for
/// ever, nor hold the floor where one talks at a time.
const UNKEYED: Duration = Duration::from_secs(3);

/// How things stand, for one peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) mode: Mode,
    pub(crate) own: floor::Standing,
    /// Why asking would be in vain.
    pub(crate) obstacle: Option<Refusal>,
    /// Something takes what is said.
    pub(crate) has_listener: bool,
    /// Who talks.
    pub(crate) talking: Vec<u32>,
}

impl Standing {
    /// Why it does not or may not talk; empty if it may.
    pub(crate) fn reason(&self) -> String {
        match (&self.own, &self.obstacle) {
            (floor::Standing::Talking, _) | (floor::Standing::None, None) => String::new(),
            (floor::Standing::Refused(refusal), _) | (_, Some(refusal)) => refusal.to_string(),
        }
    }

    /// It neither talks nor wanted to.
    pub(crate) fn is_unasked(&self) -> bool {
        self.own == floor::Standing::None
    }

    pub(crate) fn talks(&self) -> bool {
        self.own == floor::Standing::Talking
    }
}

/// What the mixer is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Enter { talker: u32, payload_type: u8 },
    Leave(u32),
    Heard(u32, bool),
}

struct Guest {
    may_talk: bool,
    /// It says when it begins and ends. Others are heard when they send.
    tells: bool,
    heartbeat: bool,
    pulse: Arc<Pulse>,
    payload_type: Option<u8>,
    /// As the mixer knows.
    heard: bool,
    began: Option<Instant>,
    /// A transmitter is on while it talks.
    keys: bool,
    sent: Option<Instant>,
}

pub(super) struct Roster {
    floor: Floor,
    heartbeat: Option<Duration>,
    guests: BTreeMap<u32, Guest>,
    orders: Vec<Order>,
    /// Who talked when that was told last.
    told: Vec<u32>,
    /// Some thread tells of changes right now.
    pub(super) is_telling: bool,
}

impl Default for Roster {
    fn default() -> Self {
        Self::new(Mode::All, None)
    }
}

impl Roster {
    /// `heartbeat`: how long a page that keys a transmitter by talking and has a heartbeat may
    /// be silent; none: it, and every other page, for ever.
    pub(super) fn new(mode: Mode, heartbeat: Option<Duration>) -> Self {
        Self {
            floor: Floor::new(mode),
            heartbeat,
            guests: BTreeMap::new(),
            orders: Vec::new(),
            told: Vec::new(),
            is_telling: false,
        }
    }

    pub(super) fn mode(&self) -> Mode {
        self.floor.mode()
    }

    pub(super) fn clear(&mut self) {
        let ids: Vec<u32> = self.guests.keys().copied().collect();
        for id in ids {
            self.leave(id);
        }
        self.told.clear();
    }

    // ---- What comes out ----------------------------------------------------------------

    pub(super) fn talking(&self) -> Vec<u32> {
        self.floor.talking().collect()
    }

    /// Who talks, if that has changed since this was asked last.
    pub(super) fn take_news(&mut self) -> Option<Vec<u32>> {
        let talking = self.talking();
        (talking != self.told).then(|| {
            self.told.clone_from(&talking);
            talking
        })
    }

    pub(super) fn take_orders(&mut self) -> Vec<Order> {
        std::mem::take(&mut self.orders)
    }

    /// All that a mixer has to know which has just been made.
    pub(super) fn orders_anew(&mut self) -> Vec<Order> {
        self.orders.clear();
        let mut orders = Vec::new();
        for (id, guest) in &self.guests {
            if let Some(payload_type) = guest.payload_type {
                orders.push(Order::Enter {
                    talker: *id,
                    payload_type,
                });
                orders.push(Order::Heard(*id, self.talks(*id)));
            }
        }
        orders
    }

    /// Those who can be heard at all.
    pub(super) fn connected(&self) -> Vec<u32> {
        let connected = self.guests.iter().filter(|(_, g)| g.payload_type.is_some());
        connected.map(|(id, _)| *id).collect()
    }

    pub(super) fn standing(&self, id: u32) -> Standing {
        let may_talk = self.guests.get(&id).is_some_and(|guest| guest.may_talk);
        Standing {
            mode: self.mode(),
            own: self.floor.standing(id),
            obstacle: self.floor.obstacle(may_talk),
            has_listener: self.floor.has_listener(),
            talking: self.talking(),
        }
    }

    fn talks(&self, id: u32) -> bool {
        self.floor.standing(id) == floor::Standing::Talking
    }

    /// Whether there is a point in asking.
    pub(super) fn could_hear(&self, may_talk: bool) -> bool {
        self.floor.obstacle(may_talk).is_none()
    }

    // ---- What goes in ------------------------------------------------------------------

    pub(super) fn join(&mut self, id: u32, may_talk: bool, pulse: Arc<Pulse>) {
        self.guests.insert(
            id,
            Guest {
                may_talk,
                tells: false,
                heartbeat: false,
                pulse,
                payload_type: None,
                heard: false,
                began: None,
                keys: false,
                sent: None,
            },
        );
    }

    pub(super) fn greet(&mut self, id: u32, tells: bool, heartbeat: bool) {
        if let Some(guest) = self.guests.get_mut(&id) {
            guest.tells |= tells;
            guest.heartbeat |= heartbeat;
        }
    }

    pub(super) fn connect(&mut self, id: u32, payload_type: u8) {
        let Some(guest) = self.guests.get_mut(&id).filter(|guest| guest.may_talk) else {
            return;
        };
        if guest.payload_type.replace(payload_type) != Some(payload_type) {
            self.orders.push(Order::Enter {
                talker: id,
                payload_type,
            });
            let heard = self.talks(id);
            self.orders.push(Order::Heard(id, heard));
        }
    }

    pub(super) fn leave(&mut self, id: u32) {
        self.end(id);
        if self
            .guests
            .remove(&id)
            .is_some_and(|g| g.payload_type.is_some())
        {
            self.orders.push(Order::Leave(id));
        }
    }

    /// Something takes what is said, or nothing does any more.
    pub(super) fn set_listener(&mut self, has_listener: bool) {
        let talking = self.talking();
        self.floor.set_listener(has_listener);
        for id in talking {
            self.follow(id);
        }
    }

    /// Others may talk at a time than before.
    pub(super) fn set_mode(&mut self, mode: Mode) {
        let talking = self.talking();
        self.floor.set_mode(mode);
        for id in talking {
            self.follow(id);
        }
    }

    /// A page begins to talk, or keys other transmitters by it than before. `keys`: any at all.
    pub(super) fn start(&mut self, id: u32, keys: bool, now: Instant) -> Result<(), Refusal> {
        let may_talk = self.guests.get(&id).is_some_and(|guest| guest.may_talk);
        let standing = self.floor.ask(id, may_talk);
        if let Some(guest) = self.guests.get_mut(&id) {
            guest.began = Some(now);
            guest.keys = keys;
        }
        self.follow(id);
        match standing {
            floor::Standing::Refused(refusal) => Err(refusal),
            _ => Ok(()),
        }
    }

    pub(super) fn end(&mut self, id: u32) {
        self.floor.stop(id);
        self.follow(id);
    }

    /// Ends a peer's talking if it talks; it is told why it may not.
    pub(super) fn refuse(&mut self, id: u32, why: Refusal) {
        self.floor.take_from(id, why);
        self.follow(id);
    }

    /// Has the mixer follow what the floor says of a peer.
    fn follow(&mut self, id: u32) {
        let talks = self.talks(id);
        if let Some(guest) = self.guests.get_mut(&id) {
            if !talks {
                guest.began = None;
            }
            if guest.heard != talks {
                guest.heard = talks;
                // While nobody mixes they would become more and more.
                self.orders
                    .retain(|order| !matches!(order, Order::Heard(other, _) if *other == id));
                self.orders.push(Order::Heard(id, talks));
            }
        }
    }

    /// Packets of these have come.
    pub(super) fn sent(&mut self, talkers: &[u32], now: Instant) {
        for id in talkers {
            let Some(guest) = self.guests.get_mut(id) else {
                continue;
            };
            guest.sent = Some(now);
            let begins = guest.may_talk && !guest.tells && guest.began.is_none();
            if begins {
                // Who does not tell cannot be told: it may come to its turn later.
                let _ = self.start(*id, false, now);
            }
        }
    }

    /// Time passes: who is not heard of any more does not talk.
    pub(super) fn tick(&mut self, now: Instant) {
        let mut over = Vec::new();
        for (id, guest) in &self.guests {
            let Some(began) = guest.began else {
                continue;
            };
            if guest.tells {
                let heard = guest.pulse.last().max(began);
                let unkeyed = if guest.keys { Duration::ZERO } else { UNKEYED };
                if let Some(patience) = self.heartbeat.filter(|_| guest.heartbeat)
                    && now.saturating_duration_since(heard) > patience.max(unkeyed)
                {
                    over.push((*id, Some(Refusal::Silent)));
                }
            } else if guest
                .sent
                .is_none_or(|at| now.saturating_duration_since(at) > SILENT)
            {
                over.push((*id, None));
            }
        }
        for (id, reason) in over {
            match reason {
                Some(reason) => self.refuse(id, reason),
                None => self.end(id),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEARTBEAT: Duration = Duration::from_millis(750);

    fn roster(mode: Mode) -> (Roster, Instant) {
        let mut roster = Roster::new(mode, Some(HEARTBEAT));
        roster.set_listener(true);
        for id in [1, 2] {
            roster.join(id, true, Arc::default());
            roster.greet(id, true, true);
            roster.connect(id, 98);
        }
        roster.join(3, false, Arc::default());
        roster.greet(3, true, true);
        roster.join(4, true, Arc::default());
        roster.connect(4, 111);
        (roster, Instant::now())
    }

    #[test]
    fn who_talks_is_heard_until_the_end() {
        let (mut roster, now) = roster(Mode::All);
        roster.take_orders();
        assert_eq!(roster.start(1, false, now), Ok(()));
        assert_eq!(roster.take_orders(), [Order::Heard(1, true)]);
        assert_eq!(roster.take_news(), Some(vec![1]));
        assert!(roster.standing(1).talks());
        roster.end(1);
        assert_eq!(roster.take_orders(), [Order::Heard(1, false)]);
        assert_eq!(roster.take_news(), Some(vec![]));
        assert_eq!(roster.take_news(), None);
    }

    #[test]
    fn who_may_only_watch_is_told_why_it_is_not_heard() {
        let (mut roster, now) = roster(Mode::All);
        assert!(roster.standing(3).reason().contains("watching"));
        assert!(roster.start(3, false, now).is_err());
        assert_eq!(
            roster.standing(3).own,
            floor::Standing::Refused(Refusal::View)
        );
        roster.connect(3, 98);
        assert!(roster.connected().iter().all(|id| *id != 3));
    }

    #[test]
    fn the_second_waits_where_one_talks_at_a_time() {
        let (mut roster, now) = roster(Mode::One);
        assert!(roster.start(1, false, now).is_ok());
        let refused = roster.start(2, false, now).expect_err("taken");
        assert_eq!(refused, Refusal::Taken(1));
        roster.end(1);
        assert!(roster.start(2, false, now).is_ok());
        assert_eq!(roster.talking(), [2]);
    }

    #[test]
    fn nobody_talks_where_nothing_listens() {
        let (mut roster, now) = roster(Mode::All);
        roster.start(1, false, now).expect("allowed");
        roster.take_orders();
        roster.set_listener(false);
        assert_eq!(roster.take_orders(), [Order::Heard(1, false)]);
        assert!(roster.start(1, false, now).is_err());
        assert!(roster.standing(2).reason().contains("audio_src"));
    }

    #[test]
    fn a_page_that_falls_silent_is_not_heard_any_more_and_sooner_if_it_keys_a_transmitter() {
        for (keys, patience) in [(true, HEARTBEAT), (false, UNKEYED)] {
            let (mut roster, now) = roster(Mode::All);
            roster.start(1, keys, now).expect("allowed");
            roster.tick(now + patience);
            assert_eq!(roster.talking(), [1]);
            roster.tick(now + patience + Duration::from_secs(1));
            assert_eq!(roster.talking(), [0_u32; 0]);
            let standing = roster.standing(1);
            assert_eq!(standing.own, floor::Standing::Refused(Refusal::Silent));
        }
    }

    #[test]
    fn who_keys_a_transmitter_only_later_is_missed_as_soon() {
        let (mut roster, now) = roster(Mode::All);
        roster.start(1, false, now).expect("allowed");
        roster.start(1, true, now).expect("allowed");
        roster.tick(now + HEARTBEAT + Duration::from_millis(1));
        assert!(roster.talking().is_empty());
    }

    #[test]
    fn who_does_not_tell_is_heard_while_packets_come() {
        let (mut roster, now) = roster(Mode::All);
        roster.sent(&[4, 1], now);
        assert_eq!(roster.talking(), [4], "a page has to say that it talks");
        roster.tick(now + SILENT);
        assert_eq!(roster.talking(), [4]);
        roster.tick(now + SILENT * 2);
        assert!(roster.talking().is_empty());
    }

    #[test]
    fn who_talks_ends_when_the_bench_lets_nobody_talk() {
        let (mut roster, now) = roster(Mode::All);
        roster.start(1, false, now).expect("allowed");
        roster.take_orders();
        roster.set_mode(Mode::None);
        assert_eq!(roster.take_orders(), [Order::Heard(1, false)]);
        assert_eq!(
            roster.standing(1).own,
            floor::Standing::Refused(Refusal::Mode)
        );
        roster.set_mode(Mode::All);
        assert!(roster.start(1, false, now).is_ok());
    }

    #[test]
    fn a_new_mixer_learns_who_is_there_and_who_talks() {
        let (mut roster, now) = roster(Mode::All);
        roster.start(2, false, now).expect("allowed");
        let orders = roster.orders_anew();
        assert!(orders.contains(&Order::Heard(2, true)));
        assert!(orders.contains(&Order::Heard(1, false)));
        assert!(roster.take_orders().is_empty());
    }

    #[test]
    fn who_leaves_does_not_talk() {
        let (mut roster, now) = roster(Mode::One);
        roster.start(1, false, now).expect("allowed");
        roster.take_orders();
        roster.leave(1);
        assert_eq!(
            roster.take_orders(),
            [Order::Heard(1, false), Order::Leave(1)]
        );
        assert!(roster.start(2, false, now).is_ok());
    }
}
