use std::fs::File;
use std::io::Read as _;
use std::time::Instant;

use rustix::pty::OpenptFlags;

use super::*;

const CHARGE: Charge<'_> = Charge {
    safe: b"RX;",
    character: Duration::ZERO,
    line: Duration::ZERO,
    key: None,
};

/// Both ends of a pseudo-terminal; the second does not block.
fn tty() -> (File, File) {
    let master = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    rustix::pty::grantpt(&master).unwrap();
    rustix::pty::unlockpt(&master).unwrap();
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let slave = rustix::pty::ioctl_tiocgptpeer(&master, flags).unwrap();
    let mut settings = rustix::termios::tcgetattr(&slave).unwrap();
    settings.make_raw();
    let now = rustix::termios::OptionalActions::Now;
    rustix::termios::tcsetattr(&slave, now, &settings).unwrap();
    rustix::io::ioctl_fionbio(&slave, true).unwrap();
    (master.into(), slave.into())
}

fn start(slave: &File) -> Guardian {
    Guardian::start(slave.as_fd(), &CHARGE, Stance::default()).unwrap()
}

/// What the guardian sees when the process has died; returns when it has ended.
fn die(guardian: &Guardian) {
    rustix::net::shutdown(&guardian.socket, rustix::net::Shutdown::Both).unwrap();
    wait(guardian);
}

fn wait(guardian: &Guardian) {
    // SAFETY: our own child.
    unsafe { libc::waitpid(guardian.process, ptr::null_mut(), 0) };
}

fn written(mut master: File, slave: File) -> String {
    drop(slave);
    let mut all = Vec::new();
    // Ends with an error, because nobody has the other end.
    let _ = master.read_to_end(&mut all);
    String::from_utf8(all).unwrap()
}

#[test]
fn it_writes_only_if_the_port_was_armed_last() {
    for (words, expected) in [
        (&[][..], ""),
        (&[true], "RX;"),
        (&[true, false], ""),
        (&[true, false, true], "RX;"),
    ] {
        let (master, slave) = tty();
        let mut guardian = start(&slave);
        for armed in words {
            guardian.set_armed(*armed, Instant::now());
        }
        die(&guardian);
        assert_eq!(written(master, slave), expected, "{words:?}");
    }
}

#[test]
fn it_ends_a_message_that_was_cut_off() {
    let (master, slave) = tty();
    let mut guardian = start(&slave);
    guardian.set_armed(true, Instant::now());
    guardian.set_within(true);
    die(&guardian);
    assert_eq!(written(master, slave), "RX;RX;");
}

#[test]
fn it_makes_the_pauses_that_the_instrument_needs() {
    let (master, slave) = tty();
    let charge = Charge {
        character: Duration::from_millis(50),
        ..CHARGE
    };
    let mut guardian = Guardian::start(slave.as_fd(), &charge, Stance::default()).unwrap();
    guardian.set_armed(true, Instant::now());
    let begin = Instant::now();
    die(&guardian);
    assert!(begin.elapsed() >= Duration::from_millis(150));
    assert_eq!(written(master, slave), "RX;");
}

#[test]
fn it_acts_when_it_does_not_hear_of_a_process_that_has_armed_the_port() {
    let (master, slave) = tty();
    let mut guardian = start(&slave);
    let begin = Instant::now();
    guardian.set_armed(true, begin);
    // As long as it hears of us it does nothing.
    while begin.elapsed() < 2 * child::SILENCE {
        guardian.beat(Instant::now());
        assert_eq!(guardian.condition(), Condition::Well);
        let next = guardian.next_beat().unwrap();
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    let silent = Instant::now();
    wait(&guardian);
    assert!(silent.elapsed() >= child::SILENCE - BEAT);
    assert_eq!(guardian.condition(), Condition::Acted);
    assert_eq!(
        guardian.condition(),
        Condition::Acted,
        "it is known from then on"
    );
    assert_eq!(written(master, slave), "RX;");
}

#[test]
fn it_acts_when_the_process_is_dead_though_a_copy_of_it_keeps_the_socket_open() {
    let (master, slave) = tty();
    let mut process = std::process::Command::new("sleep")
        .arg("600")
        .spawn()
        .unwrap();
    let watched = Pid::from_child(&process);
    let mut guardian =
        Guardian::watching(watched, slave.as_fd(), &CHARGE, Stance::default()).unwrap();
    guardian.set_armed(true, Instant::now());
    process.kill().unwrap();
    process.wait().unwrap();
    // The socket is still open: it is ours.
    wait(&guardian);
    assert_eq!(written(master, slave), "RX;");
}

#[test]
fn it_is_noticed_when_it_is_killed() {
    let (master, slave) = tty();
    let mut guardian = start(&slave);
    guardian.set_armed(true, Instant::now());
    assert_eq!(guardian.condition(), Condition::Well);
    // SAFETY: our own child.
    unsafe { libc::kill(guardian.process, libc::SIGKILL) };
    wait(&guardian);
    assert_eq!(guardian.condition(), Condition::Dead);
    assert_eq!(guardian.next_beat(), None);
    assert_eq!(written(master, slave), "");
}

#[test]
fn it_goes_quietly_with_a_port_that_is_closed() {
    let (master, slave) = tty();
    let mut guardian = start(&slave);
    guardian.set_armed(true, Instant::now());
    drop(guardian);
    assert_eq!(written(master, slave), "");
}

#[test]
fn it_gives_up_on_a_device_that_takes_nothing() {
    let (_master, slave) = tty();
    rustix::termios::tcflow(&slave, rustix::termios::Action::OOff).unwrap();
    let mut guardian = start(&slave);
    guardian.set_armed(true, Instant::now());
    let begin = Instant::now();
    die(&guardian);
    assert!(begin.elapsed() >= child::PATIENCE);
    assert!(begin.elapsed() < 10 * child::PATIENCE);
}
