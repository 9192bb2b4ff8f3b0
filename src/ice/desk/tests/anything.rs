//! Whatever comes, in whatever order.

use super::*;
use proptest::prelude::*;

/// Something that happens at the port.
#[derive(Debug, Clone)]
enum Act {
    Bytes(u8, Vec<u8>),
    /// A check of one of few browsers from one of few addresses, with a few transactions.
    Check {
        from: u8,
        browser: u8,
        transaction: u8,
        nominates: bool,
        attribute: Option<u16>,
        wrong: Option<(usize, u8)>,
    },
    ClientHello(u8),
    Packet(u8, u8),
    Expect(u8),
    Codes(bool),
    Admitted(u8),
    Close(u8),
    Pass(u16),
}

fn act() -> impl Strategy<Value = Act> {
    let from = 0..6_u8;
    let first_bytes = prop_oneof![0..4_u8, any::<u8>()];
    let bytes = (first_bytes, prop::collection::vec(any::<u8>(), 0..100))
        .prop_map(|(first, rest)| [vec![first], rest].concat());
    let attribute = prop_oneof![
        8 => Just(None),
        1 => Just(Some(0x8029)),
        1 => Just(Some(0x7abc)),
    ];
    let wrong = prop::option::weighted(0.2, (any::<usize>(), any::<u8>()));
    prop_oneof![
        1 => (from.clone(), bytes).prop_map(|(from, bytes)| Act::Bytes(from, bytes)),
        6 => (from.clone(), 0..12_u8, 0..40_u8, any::<bool>(), attribute, wrong).prop_map(
            |(from, browser, transaction, nominates, attribute, wrong)| Act::Check {
                from, browser, transaction, nominates, attribute, wrong
            }
        ),
        3 => from.clone().prop_map(Act::ClientHello),
        1 => (from, any::<u8>()).prop_map(|(from, first)| Act::Packet(from, first)),
        1 => (0..4_u8).prop_map(Act::Expect),
        1 => any::<bool>().prop_map(Act::Codes),
        1 => (0..12_u8).prop_map(Act::Admitted),
        1 => (0..12_u8).prop_map(Act::Close),
        1 => (0..9000_u16).prop_map(Act::Pass),
    ]
}

fn small() -> Limits {
    Limits {
        failures_per_source: limits::Rate {
            burst: 3,
            interval: Duration::from_millis(500),
        },
        failures: limits::Rate {
            burst: 6,
            interval: Duration::from_millis(300),
        },
        sources: 3,
        unverified_per_source: 2,
        unverified: 4,
        addresses: 2,
        checks: 8,
        buried: 5,
        ..Limits::default()
    }
}

fn browser(number: u8) -> Browser {
    match number {
        0..4 => Browser {
            local: format!("bench{number}"),
            ..Browser::announced("once")
        },
        4..6 => Browser {
            local: format!("bench{}", number - 4),
            ..Browser::announced("again")
        },
        _ => Browser::coded(&format!("code{number}")),
    }
}

impl Bench {
    fn perform(&mut self, act: &Act) -> Option<Outcome> {
        let address = |from: &u8| format!("10.0.{}.1:{}", from / 2, 5000 + u16::from(from % 2));
        match act {
            Act::Bytes(from, bytes) => Some(self.receive(&address(from), bytes)),
            Act::Check {
                from,
                browser: number,
                transaction,
                nominates,
                attribute,
                wrong,
            } => {
                let check = Sent {
                    transaction: u128::from(*transaction),
                    nominates: *nominates,
                    attribute: *attribute,
                    ..self.check(&browser(*number))
                };
                let mut bytes = check.bytes();
                if let Some((position, value)) = wrong {
                    let length = bytes.len();
                    bytes[position % length] ^= value;
                }
                Some(self.receive(&address(from), &bytes))
            }
            Act::ClientHello(from) => Some(self.receive(&address(from), &CLIENT_HELLO)),
            Act::Packet(from, first) => {
                let packet = [[*first].as_slice(), &RTP].concat();
                Some(self.receive(&address(from), &packet))
            }
            Act::Expect(number) => {
                let ufrag = browser(*number).local;
                if !self.desk.announced.contains_key(&ufrag) {
                    self.desk.expect(&ufrag, PASSWORD);
                }
                None
            }
            Act::Codes(some) => {
                let codes = some.then(|| code_key(&secret()));
                self.desk.set_codes(codes.into_iter().collect());
                None
            }
            Act::Admitted(guest) => {
                self.desk.admitted(u64::from(*guest));
                None
            }
            Act::Close(guest) => {
                self.desk.close(u64::from(*guest));
                None
            }
            Act::Pass(milliseconds) => {
                self.pass(Duration::from_millis(u64::from(*milliseconds)));
                self.desk.tick(self.now, &mut self.events);
                None
            }
        }
    }
}

/// What holds at any time.
fn assert_in_order(desk: &Desk) {
    let limits = &desk.limits;
    for (guest, entry) in &desk.guests {
        assert!(entry.remotes.len() <= limits.addresses);
        if let Some(path) = entry.path
            && desk.holder(&path.remote) == Some(*guest)
        {
            assert!(entry.remotes.contains(&path.remote));
        }
        assert!(
            entry
                .deadline(limits)
                .is_none_or(|at| desk.wake.is_some_and(|wake| wake <= at)),
            "a deadline of which nobody is woken"
        );
    }
    for (remote, holder) in &desk.addresses {
        assert!(desk.guests[&holder.guest].remotes.contains(remote));
    }
    let remotes: usize = desk.guests.values().map(|entry| entry.remotes.len()).sum();
    assert_eq!(remotes, desk.addresses.len(), "each address is one guest's");
    for guest in desk.announced.values().chain(desk.coded.values()) {
        assert!(desk.guests.contains_key(guest));
    }
    assert_eq!(
        desk.announced.len() + desk.coded.len(),
        desk.guests.len(),
        "each guest has a name"
    );
    let crowd = |entry: &&Entry| entry.stage != Stage::Admitted;
    assert!(desk.guests.values().filter(crowd).count() <= limits.unverified);
    assert!(desk.buried.len() <= limits.buried);
    assert!(desk.strangers.sources() <= limits.sources);
}

proptest! {
    #[test]
    fn the_desk_stays_in_order(acts in prop::collection::vec(act(), 0..120)) {
        let mut bench = Bench::new(small());
        let mut knocked = Vec::new();
        let mut silent = Vec::new();
        let mut datagrams = 0;
        for act in &acts {
            let guests = bench.desk.guests.len();
            let outcome = bench.perform(act);
            datagrams += u64::from(outcome.is_some());
            match outcome {
                Some(Outcome::Replied) => {
                    let reply = Message::from_bytes(&bench.reply);
                    prop_assert!(reply.is_ok_and(|reply| reply.is_response()));
                }
                Some(Outcome::Dropped(_)) => {
                    prop_assert!(bench.reply.is_empty());
                    prop_assert!(bench.desk.guests.len() <= guests);
                }
                Some(Outcome::Deliver(guest)) => {
                    prop_assert!(bench.reply.is_empty());
                    prop_assert!(bench.desk.guests.contains_key(&guest));
                    let in_hall = matches!(bench.desk.guests[&guest].stage, Stage::Hall { .. });
                    prop_assert!(!in_hall);
                }
                None => {}
            }
            for event in bench.events() {
                match event {
                    Event::Path(guest, path) => {
                        prop_assert_eq!(bench.desk.guests[&guest].path, Some(path));
                    }
                    Event::Knock { guest, path, .. } => {
                        prop_assert_eq!(outcome, Some(Outcome::Deliver(guest)));
                        prop_assert_eq!(bench.desk.holder(&path.remote), Some(guest));
                        prop_assert!(!knocked.contains(&guest));
                        knocked.push(guest);
                    }
                    Event::Silent(guest) => {
                        prop_assert!(!silent.contains(&guest));
                        silent.push(guest);
                    }
                }
            }
            assert_in_order(&bench.desk);
        }
        let counters = bench.desk.counters();
        let dropped: u64 = counters.dropped().map(|(_, count)| count).sum();
        prop_assert_eq!(counters.replied + counters.delivered + dropped, datagrams);
        prop_assert_eq!(counters.guests, bench.desk.guests.len());
    }

    #[test]
    fn bytes_without_a_password_let_nobody_in(
        datagrams in prop::collection::vec(
            (0..4_u8, prop::collection::vec(any::<u8>(), 0..200)), 0..20
        )
    ) {
        let (mut bench, _) = Bench::with_guest();
        for (first, rest) in datagrams {
            let bytes = [vec![first], rest].concat();
            let outcome = bench.receive("192.0.2.1:1", &bytes);
            prop_assert!(matches!(outcome, Outcome::Dropped(_)), "{:?}", outcome);
        }
        prop_assert_eq!(bench.desk.counters().guests, 1);
        prop_assert!(bench.desk.addresses.is_empty());
    }
}
