//! The desk's thread, and those who wait for it.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use crate::arbitration::arbiter::Station;
use crate::arbitration::desk::{Crew, Desk};
use crate::arbitration::pulse::Pulse;
use crate::arbitration::{Refusal, Rules, Standing};

/// A crew that tells what it is told, and takes its time.
struct Listening {
    tell: Mutex<Sender<String>>,
    /// Makes the crew wait while it makes something safe.
    gate: Mutex<()>,
}

impl Crew for Listening {
    fn control_changed(&self, standing: &Standing) {
        let holder = standing
            .holder
            .map_or_else(|| "nobody".into(), |id| id.to_string());
        let _ = self.tell.lock().expect("lock").send(holder);
    }

    fn make_safe(&self, reason: &str, after: u64) {
        drop(self.gate.lock().expect("lock"));
        let _ = self
            .tell
            .lock()
            .expect("lock")
            .send(format!("{reason} ({after})"));
    }
}

fn desk(rules: Rules) -> (Arc<Desk>, Arc<Listening>, Receiver<String>) {
    let (tell, told) = channel();
    let crew = Arc::new(Listening {
        tell: Mutex::new(tell),
        gate: Mutex::new(()),
    });
    let desk = Arc::new(Desk::new(rules));
    let weak: Weak<dyn Crew> = Arc::<Listening>::downgrade(&crew);
    desk.start(weak).expect("a thread");
    for id in [1, 2] {
        desk.join(id, Station::Peer(id), true, Arc::new(Pulse::default()));
    }
    (desk, crew, told)
}

fn next(told: &Receiver<String>, words: &str) -> String {
    loop {
        let text = told.recv_timeout(Duration::from_secs(10)).expect(words);
        if text.contains(words) {
            return text;
        }
    }
}

#[test]
fn silence_is_noticed_without_anybody_asking() {
    let heartbeat = Some(Duration::from_millis(100));
    let (desk, _crew, told) = desk(Rules {
        heartbeat,
        ..Rules::default()
    });
    desk.greet(1, true, Instant::now());
    desk.take(1, Instant::now()).expect("free");
    let started = Instant::now();
    next(&told, "not heard of for 100 ms (0)");
    let took = started.elapsed();
    assert!(took < Duration::from_millis(400), "{took:?}");
    assert_eq!(desk.overview().1.safes, 1);
    desk.close();
}

#[test]
fn a_pulse_keeps_control_without_waking_anybody() {
    let heartbeat = Some(Duration::from_millis(300));
    let (desk, _crew, told) = desk(Rules {
        heartbeat,
        ..Rules::default()
    });
    let pulse = Arc::new(Pulse::default());
    desk.join(3, Station::Peer(3), true, pulse.clone());
    desk.greet(3, true, Instant::now());
    desk.take(3, Instant::now()).expect("free");
    next(&told, "3");
    for _ in 0..20 {
        pulse.beat();
        let silent = told.recv_timeout(Duration::from_millis(50));
        assert!(silent.is_err(), "{silent:?}");
    }
    next(&told, "not heard of");
    desk.close();
}

#[test]
fn no_command_passes_before_the_instruments_are_safe_after_the_last_control() {
    let (desk, crew, told) = desk(Rules::default());
    assert_eq!(desk.command(1, Instant::now()), Ok(1));
    let gate = crew.gate.lock().expect("lock");
    desk.gone(1);
    let (tell, passed) = channel();
    let second = desk.clone();
    let thread = std::thread::spawn(move || {
        let _ = tell.send(second.command(2, Instant::now()));
    });
    assert!(passed.recv_timeout(Duration::from_millis(100)).is_err());
    drop(gate);
    next(&told, "is gone (1)");
    let verdict = passed.recv_timeout(Duration::from_secs(10));
    assert_eq!(verdict, Ok(Ok(2)));
    thread.join().expect("ended");
    desk.close();
}

#[test]
fn a_pad_that_is_held_up_refuses_commands_and_ends_no_program() {
    let (desk, crew, _told) = desk(Rules::default());
    assert_eq!(desk.command(1, Instant::now()), Ok(1));
    let gate = crew.gate.lock().expect("lock");
    desk.rest("the pipeline has stopped");
    let verdict = desk.command(1, Instant::now());
    assert_eq!(verdict, Err(Refusal::MakingSafe));
    drop(gate);
    desk.close();
}

#[test]
fn a_thread_that_panics_has_no_control_any_more() {
    let (desk, _crew, told) = desk(Rules::default());
    desk.take(1, Instant::now()).expect("free");
    let departure = desk.departure(1);
    let panicked = std::thread::spawn(move || {
        let _departure = departure;
        std::panic::resume_unwind(Box::new("as a peer's thread might"));
    });
    assert!(panicked.join().is_err());
    next(&told, "viewer 1, who had control, is gone (0)");
    desk.close();
}

#[test]
fn no_command_passes_between_the_order_to_rest_and_the_pause() {
    let (desk, _crew, told) = desk(Rules::default());
    assert_eq!(desk.command(1, Instant::now()), Ok(1));
    desk.rest("the pipeline is paused");
    next(&told, "the pipeline is paused (1)");
    assert_eq!(desk.command(1, Instant::now()), Err(Refusal::Resting));
    desk.resume();
    assert_eq!(desk.command(1, Instant::now()), Ok(2));
    desk.close();
}
