//! An instrument on a real tty, and pipelines that talk to it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Instant;

use gst::prelude::*;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::pty::OpenptFlags;

use super::{LIMIT, Watched, init};

/// A pseudo-terminal under a name that stays the same when it is plugged in again.
pub struct Instrument {
    directory: tempfile::TempDir,
    plugged: Option<Plugged>,
    /// All that came since it was plugged in.
    heard: Vec<u8>,
}

struct Plugged {
    master: File,
    /// Keeps it alive while nobody else has it open.
    _slave: OwnedFd,
}

impl Instrument {
    pub fn new() -> Self {
        let mut instrument = Self {
            directory: tempfile::tempdir().unwrap(),
            plugged: None,
            heard: Vec::new(),
        };
        instrument.plug();
        instrument
    }

    /// The path of the tty.
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("instrument")
    }

    pub fn plug(&mut self) {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = rustix::pty::openpt(flags).unwrap();
        rustix::pty::grantpt(&master).unwrap();
        rustix::pty::unlockpt(&master).unwrap();
        let name = rustix::pty::ptsname(&master, Vec::new()).unwrap();
        let slave = open_tty(Path::new(name.to_str().unwrap()));
        std::os::unix::fs::symlink(name.to_str().unwrap(), self.path()).unwrap();
        self.heard.clear();
        self.plugged = Some(Plugged {
            master: master.into(),
            _slave: slave.into(),
        });
    }

    pub fn unplug(&mut self) {
        std::fs::remove_file(self.path()).unwrap();
        self.plugged = None;
    }

    pub fn say(&self, bytes: &[u8]) {
        let mut master = &self.plugged.as_ref().unwrap().master;
        master.write_all(bytes).unwrap();
    }

    /// A second handle to what is written to the pipeline.
    pub fn voice(&self) -> File {
        self.plugged.as_ref().unwrap().master.try_clone().unwrap()
    }

    /// Waits until what came ends with this; gives all that came since it was plugged in.
    pub fn hears(&mut self, end: &str) -> String {
        let master = &self.plugged.as_ref().unwrap().master;
        let ends = |heard: &[u8]| heard.ends_with(end.as_bytes());
        let came = read_until(master, &mut self.heard, ends);
        assert!(came, "waited for {end:?}, heard {:?}", self.text());
        self.text()
    }

    /// All that came until now.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.heard).into_owned()
    }

    /// What came, with all that comes until the line is silent because nobody is left.
    pub fn heard_until_closed(&mut self) -> String {
        let Plugged { mut master, _slave } = self.plugged.take().unwrap();
        drop(_slave);
        // Fails when the last one has closed the tty.
        let _ = master.read_to_end(&mut self.heard);
        self.text()
    }
}

/// Opens a tty as a program does that knows nothing else.
pub fn open_tty(path: &Path) -> File {
    let mut options = File::options();
    let tty = options.read(true).write(true).open(path).unwrap();
    let mut settings = rustix::termios::tcgetattr(&tty).unwrap();
    settings.make_raw();
    rustix::termios::tcsetattr(&tty, rustix::termios::OptionalActions::Now, &settings).unwrap();
    tty
}

/// Reads until what was read is as wanted; false if that takes too long.
pub fn read_until(mut file: &File, all: &mut Vec<u8>, wanted: impl Fn(&[u8]) -> bool) -> bool {
    let begin = Instant::now();
    let mut buffer = [0; 4096];
    while !wanted(all) {
        let mut fds = [PollFd::from_borrowed_fd(file.as_fd(), PollFlags::IN)];
        let second = Timespec {
            tv_sec: 1,
            tv_nsec: 0,
        };
        rustix::event::poll(&mut fds, Some(&second)).unwrap();
        if fds[0].revents().contains(PollFlags::IN) {
            let count = file.read(&mut buffer).unwrap();
            all.extend_from_slice(&buffer[..count]);
        } else if begin.elapsed() > LIMIT {
            return false;
        }
    }
    true
}

/// A pipeline with an appsink `out`, an appsrc `in`, or both.
pub struct Line {
    pub pipeline: gst::Pipeline,
    pub buffers: Watched<Vec<gst::Buffer>>,
    pub messages: Watched<Vec<gst::Message>>,
}

impl Line {
    pub fn start(description: &str) -> Self {
        let line = Self::prepare(description);
        line.pipeline.set_state(gst::State::Playing).unwrap();
        line
    }

    pub fn prepare(description: &str) -> Self {
        init();
        let pipeline = gst::parse::launch(description).unwrap();
        let pipeline = pipeline.downcast::<gst::Pipeline>().unwrap();
        let buffers = Watched::<Vec<gst::Buffer>>::default();
        if let Some(out) = pipeline.by_name("out") {
            let kept = buffers.clone();
            let out = out.downcast::<gst_app::AppSink>().unwrap();
            out.set_property("sync", false);
            out.set_callbacks(
                gst_app::AppSinkCallbacks::builder()
                    .new_sample(move |out| {
                        let sample = out.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                        kept.update(|all| all.push(sample.buffer_owned().unwrap()));
                        Ok(gst::FlowSuccess::Ok)
                    })
                    .build(),
            );
        }
        let messages = Watched::<Vec<gst::Message>>::default();
        let kept = messages.clone();
        pipeline.bus().unwrap().set_sync_handler(move |_, message| {
            kept.update(|all| all.push(message.clone()));
            gst::BusSyncReply::Drop
        });
        Self {
            pipeline,
            buffers,
            messages,
        }
    }

    /// Waits for so many messages of the instrument, and gives them.
    pub fn receives(&self, count: usize) -> Vec<String> {
        self.buffers
            .wait(&format!("{count} messages"), |all| all.len() >= count);
        self.buffers.get(|all| all.iter().map(text).collect())
    }

    /// Sends a command, with a number if that is not 0.
    pub fn send(&self, command: &str, number: u64) {
        let mut buffer = gst::Buffer::from_mut_slice(command.as_bytes().to_vec());
        if number > 0 {
            buffer.get_mut().unwrap().set_offset(number);
        }
        self.appsrc().push_buffer(buffer).unwrap();
    }

    pub fn appsrc(&self) -> gst_app::AppSrc {
        let appsrc = self.pipeline.by_name("in").unwrap();
        appsrc.downcast().unwrap()
    }

    /// Pushes the event by which a page's end makes the instrument safe.
    pub fn make_safe(&self, after: u64) {
        let structure = gst::Structure::builder("instrument-safe")
            .field("reason", "a test")
            .field("after", after)
            .build();
        let pad = self.appsrc().static_pad("src").unwrap();
        assert!(pad.push_event(gst::event::CustomDownstreamOob::new(structure)));
    }

    /// Waits for an element message of that name, whose fields have these texts.
    pub fn posts(&self, name: &str, fields: &[(&str, &str)]) {
        self.posts_times(1, name, fields);
    }

    pub fn posts_times(&self, times: usize, name: &str, fields: &[(&str, &str)]) {
        let fits = |message: &&gst::Message| {
            message.structure().is_some_and(|structure| {
                structure.name() == name
                    && fields.iter().all(|(field, value)| {
                        structure
                            .get::<String>(*field)
                            .is_ok_and(|found| found.contains(value))
                    })
            })
        };
        self.messages
            .wait(&format!("{name} {fields:?}, {times} times"), |all| {
                all.iter().filter(fits).count() >= times
            });
    }

    /// Waits for a warning with these words.
    pub fn warns(&self, words: &str) {
        self.messages.wait(&format!("a warning: {words}"), |all| {
            all.iter().any(|message| match message.view() {
                gst::MessageView::Warning(warning) => warning.error().to_string().contains(words),
                _ => false,
            })
        });
    }

    /// The error by which it did not start.
    pub fn error(&self) -> String {
        self.messages.get(|all| {
            all.iter()
                .find_map(|message| match message.view() {
                    gst::MessageView::Error(error) => Some(error.error().to_string()),
                    _ => None,
                })
                .unwrap_or_default()
        })
    }

    /// A number of the property `stats` of an element.
    pub fn stat(&self, element: &str, name: &str) -> u64 {
        let element = self.pipeline.by_name(element).unwrap();
        let stats: gst::Structure = element.property("stats");
        stats.get(name).unwrap()
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

pub fn text(buffer: &gst::Buffer) -> String {
    let map = buffer.map_readable().unwrap();
    String::from_utf8_lossy(&map).into_owned()
}
