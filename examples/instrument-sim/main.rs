//! `instrument-sim`: a simulated instrument on a pseudo-terminal, for trying and testing
//! what talks to instruments. `--help` tells how.

mod simulator;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Parser;
use clap::builder::PossibleValuesParser;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use simulator::instruments::{Counting, NAMES};
use simulator::{HELP, Planned, Settings, Simulator};

/// Speaks like an instrument on a pseudo-terminal.
///
/// It prints what happens, a line for each: “tty PATH” when it is plugged in, “open” and
/// “closed” when somebody opens or closes the port, “transmit on|off” and the time in µs
/// since 1970, “unplugged”. It ends by Ctrl-C or SIGTERM.
#[derive(Debug, Parser)]
#[command(name = "instrument-sim", after_help = orders())]
struct Arguments {
    /// What to speak like. counter: numbered lines with the time, for benchmarks; they begin
    /// when the port is opened.
    #[arg(value_parser = PossibleValuesParser::new(NAMES))]
    instrument: String,

    /// A name for the terminal, which stays the same when the cable is pulled and put back.
    #[arg(long, value_name = "PATH")]
    link: Option<PathBuf>,

    /// Write what the host sends to a file: time in µs since 1970, and the bytes, those
    /// that are not printable escaped.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,

    /// Write what the host was sent to a file, as it is.
    #[arg(long, value_name = "FILE")]
    sent: Option<PathBuf>,

    /// A fault, at once or so many seconds after the start. May stand there several times.
    #[arg(long = "fault", value_name = "[SECONDS:]ORDER")]
    faults: Vec<Planned>,

    /// Makes measurements come out the same each time.
    #[arg(long, default_value_t = rand::random())]
    seed: u64,

    /// counter: how many lines; 0: without an end.
    #[arg(long, default_value_t = 0)]
    count: u64,

    /// counter: lines per second.
    #[arg(long, default_value_t = 10.0, value_parser = rate)]
    rate: f64,

    /// counter: bytes in a line, its end included; shorter ones are filled.
    #[arg(long, default_value_t = 0)]
    length: usize,
}

fn orders() -> String {
    format!("Orders, for --fault and to type:\n{HELP}")
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok();
    rate.filter(|rate| (0.001..=1_000_000.0).contains(rate))
        .ok_or_else(|| "0.001 to 1000000 lines a second".to_owned())
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let (stop, signal) = UnixStream::pair()?;
    for number in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::low_level::pipe::register(number, signal.try_clone()?)?;
    }
    let settings = Settings {
        instrument: arguments.instrument,
        link: arguments.link,
        counting: Counting {
            count: arguments.count,
            rate: arguments.rate,
            length: arguments.length,
        },
        seed: arguments.seed,
        faults: arguments.faults,
        log: arguments.log.as_deref().map(file).transpose()?,
        sent: arguments.sent.as_deref().map(file).transpose()?,
        events: Box::new(io::stdout()),
    };
    let orders = io::stdin().as_fd().try_clone_to_owned()?;
    Simulator::new(settings)?.run(Some(orders), &stop)?;
    Ok(())
}

fn file(path: &Path) -> anyhow::Result<Box<dyn Write + Send>> {
    let file = File::create(path).with_context(|| path.display().to_string())?;
    Ok(Box::new(BufWriter::new(file)))
}
