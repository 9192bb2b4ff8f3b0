//! A PulseAudio server of the test's own, with devices that can be unplugged, and what is
//! heard there.

use std::cell::Cell;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

use super::{init, tty::Line, wait_until};

/// Rate of all sound, Hz.
pub const RATE: usize = 48_000;

/// One server at a time: all programs and elements of a test process look for it at the
/// same place.
static ALONE: Mutex<()> = Mutex::new(());

/// A running server; ends, and takes its files with it, when dropped.
pub struct Pulse {
    process: Option<Child>,
    _alone: MutexGuard<'static, ()>,
}

fn folder() -> PathBuf {
    std::env::temp_dir().join(format!("periscope-pulse-{}", std::process::id()))
}

fn address() -> String {
    format!("unix:{}", folder().join("native").display())
}

impl Pulse {
    /// A server without a device.
    pub fn start() -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        static ONCE: Once = Once::new();
        // SAFETY: before GStreamer or any other C library has been asked for something by
        // this process: all tests with a server wait for the lock above.
        ONCE.call_once(|| unsafe {
            std::env::set_var("PULSE_SERVER", address());
        });
        init();
        let mut pulse = Self {
            process: None,
            _alone: alone,
        };
        pulse.plug_in_server();
        pulse
    }

    /// Starts the server, which may have been killed.
    pub fn plug_in_server(&mut self) {
        let folder = folder();
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let socket = folder.join("native");
        let mut command = Command::new("pulseaudio");
        command
            .args(["--daemonize=no", "--exit-idle-time=-1", "-n"])
            .args([
                "--use-pid-file=no",
                "--disable-shm=yes",
                "--log-level=error",
            ])
            .args(["--realtime=no", "--high-priority=no"])
            .arg(format!(
                "--load=module-native-protocol-unix auth-anonymous=1 socket={}",
                socket.display()
            ))
            .env_remove("PULSE_SERVER")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        for name in [
            "HOME",
            "XDG_RUNTIME_DIR",
            "PULSE_RUNTIME_PATH",
            "PULSE_STATE_PATH",
        ] {
            command.env(name, &folder);
        }
        // SAFETY: prctl is async-signal-safe. The thread that starts the server ends it.
        unsafe {
            command.pre_exec(|| {
                let signal = Some(rustix::process::Signal::KILL);
                Ok(rustix::process::set_parent_process_death_signal(signal)?)
            });
        }
        self.process = Some(command.spawn().expect("pulseaudio is installed"));
        wait_until("the sound server", || pactl(&["info"]).is_some());
    }

    pub fn kill_server(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// A device to play to, heard at `<name>.monitor`; gives the number to unplug it by.
    pub fn plug_in(&self, name: &str) -> String {
        let name = format!("sink_name={name}");
        let number = pactl(&["load-module", "module-null-sink", &name, "rate=48000"]);
        number.expect("a null sink").trim().to_owned()
    }

    /// From now on streams are moved to another device when theirs is unplugged, as the
    /// server does in a desktop.
    pub fn rescue_streams(&self) {
        pactl(&["load-module", "module-rescue-streams"]).expect("the module");
    }

    pub fn unplug(&self, number: &str) {
        pactl(&["unload-module", number]).expect("it was there");
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.kill_server();
        let _ = std::fs::remove_dir_all(folder());
    }
}

fn pactl(arguments: &[&str]) -> Option<String> {
    let output = Command::new("pactl")
        .arg(format!("--server={}", address()))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("pactl is installed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then_some(text)
}

/// A sine that is played to a device by nothing but GStreamer's own elements. `source`:
/// properties of audiotestsrc, and elements behind it.
pub fn play(device: &str, source: &str) -> Line {
    Line::start(&format!(
        "audiotestsrc is-live=true samplesperbuffer=480 {source} ! audioconvert ! \
         pulsesink provide-clock=false device={device}"
    ))
}

/// What a device plays, recorded by nothing but GStreamer's own elements.
pub fn listen(device: &str) -> Line {
    Line::start(&format!(
        "pulsesrc provide-clock=false slave-method=none latency-time=10000 \
         device={device}.monitor ! audioconvert ! \
         audio/x-raw,format=S16LE,rate={RATE},channels=2 ! appsink name=out"
    ))
}

/// All that came so far from a line with stereo samples of 16 bits: one side of it.
pub fn side(line: &Line, side: usize) -> Vec<f32> {
    samples(line, 2, side)
}

/// One of the channels of what came so far.
pub fn samples(line: &Line, channels: usize, channel: usize) -> Vec<f32> {
    line.buffers.get(|buffers| {
        let mut all = Vec::new();
        for buffer in buffers {
            let map = buffer.map_readable().unwrap();
            let numbers = map.chunks_exact(2);
            let numbers = numbers.map(|bytes| i16::from_le_bytes([bytes[0], bytes[1]]));
            let mine = numbers.skip(channel).step_by(channels);
            all.extend(mine.map(|number| f32::from(number) / 32_768.0));
        }
        all
    })
}

/// Amplitude of a sine of this frequency in the samples, and of all that is not it.
fn tone(samples: &[f32], hertz: f64) -> (f64, f64) {
    let step = std::f64::consts::TAU * hertz / RATE as f64;
    let (mut re, mut im, mut all) = (0.0, 0.0, 0.0);
    for (number, sample) in samples.iter().enumerate() {
        let (sin, cos) = (step * number as f64).sin_cos();
        let sample = f64::from(*sample);
        re += sample * cos;
        im += sample * sin;
        all += sample * sample;
    }
    let count = samples.len() as f64;
    let amplitude = 2.0 * (re * re + im * im).sqrt() / count;
    let rest = (all / count - amplitude * amplitude / 2.0).max(0.0);
    (amplitude, (2.0 * rest).sqrt())
}

/// Waits until a line with so many channels brings, from now on and for so many samples on
/// end, this sine and nothing else: a gap, a click or another pitch would be in the rest. Who
/// follows another clock may bend the pitch by three in a thousand.
pub fn wait_tone(line: &Line, channels: usize, length: usize, hertz: f64, amplitude: f64) {
    const PIECE: usize = RATE / 20;
    let is_good = |piece: &[f32]| {
        [0.0, -0.0015, 0.0015, -0.003, 0.003].iter().any(|bent| {
            let (found, rest) = tone(piece, hertz * (1.0 + bent));
            (found / amplitude - 1.0).abs() < 0.06 && rest < amplitude * 0.12
        })
    };
    let begin = samples(line, channels, 0).len();
    // How much was listened to, and how much of it was good at last.
    let heard = Cell::new((begin, 0));
    wait_until(&format!("{hertz} Hz for {length} samples"), || {
        let all = samples(line, channels, 0);
        let (mut from, mut good) = heard.get();
        for piece in all[from..].chunks_exact(PIECE) {
            from += PIECE;
            good = if is_good(piece) { good + PIECE } else { 0 };
            if good >= length {
                return true;
            }
        }
        heard.set((from, good));
        false
    });
}

/// Waits until the newest samples of a line are (nearly) silent.
pub fn wait_silence(line: &Line, channels: usize) {
    wait_until("silence", || {
        let all = samples(line, channels, 0);
        let newest = &all[all.len().saturating_sub(RATE / 5)..];
        newest.len() == RATE / 5 && newest.iter().all(|sample| sample.abs() < 0.001)
    });
}

/// A program with our plugin and this server; gives what it printed after a while, when it
/// was interrupted.
pub fn gst_launch(plugins: &Path, description: &str, time: Duration) -> String {
    let mut command = Command::new("gst-launch-1.0");
    command
        .arg("-m")
        .args(description.split_whitespace())
        .env("GST_PLUGIN_PATH", plugins)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let pid = rustix::process::Pid::from_child(&child);
    let clock = std::thread::spawn(move || {
        std::thread::sleep(time);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
    });
    let output = child.wait_with_output().unwrap();
    clock.join().unwrap();
    let mut all = output.stdout;
    all.write_all(&output.stderr).unwrap();
    String::from_utf8_lossy(&all).into_owned()
}
