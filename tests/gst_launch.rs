//! The plugin as people use it: loaded by `gst-launch-1.0`, with a console on a real
//! terminal, and with parts of GStreamer missing.

#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use common::visitor::Visitor;
use common::{ALL, LIMIT, Viewer, plugin_folder};
use gstperiscope::signaling::code::Code;
use gstperiscope::signaling::{Description, Kind, paste};
use rustix::process::{Pid, Signal, kill_process};

/// `gst-launch-1.0` on a terminal of its own (made by `script`), or on pipes.
struct Launched {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
    seen: Vec<String>,
}

/// The same pipeline, of which nothing is kept on disk or told to the LAN.
fn unseen(pipeline: &str) -> String {
    pipeline.replace("periscope ", "periscope identity=none mdns=false ")
}

impl Launched {
    fn start(pipeline: &str, terminal: bool) -> Self {
        let command = format!("exec gst-launch-1.0 {}", unseen(pipeline));
        let mut launch = if terminal {
            let mut script = Command::new("script");
            script.args([
                "--quiet",
                "--flush",
                "--return",
                "--command",
                &command,
                "/dev/null",
            ]);
            script
        } else {
            let mut shell = Command::new("sh");
            shell.args(["-c", &command]);
            shell
        };
        let mut child = launch
            .env("GST_PLUGIN_PATH", plugin_folder())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (tell, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            stdin,
            lines,
            seen: Vec::new(),
        }
    }

    fn type_in(&mut self, text: &str) {
        self.stdin.write_all(text.as_bytes()).unwrap();
        self.stdin.flush().unwrap();
    }

    /// Waits for `periscope: <word> …` and gives what follows.
    fn wait_line(&mut self, word: &str) -> String {
        let start = format!("periscope: {word} ");
        loop {
            let line = self.lines.recv_timeout(LIMIT).unwrap_or_else(|_| {
                panic!("no “{start}” in {:#?}", self.seen);
            });
            self.seen.push(line.clone());
            // Echoed text and the marks of bracketed paste may stand before it.
            if let Some(at) = line.find(&start) {
                return line[at + start.len()..].to_owned();
            }
        }
    }
}

impl Drop for Launched {
    fn drop(&mut self) {
        // `script` has the program as its child. gst-launch-1.0 goes on when its terminal is
        // gone: without this it would run for ever.
        let script = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{script}/task/{script}/children"));
        for child in children.unwrap_or_default().split_whitespace() {
            if let Some(pid) = child.parse().ok().and_then(Pid::from_raw) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const PICTURE: &str = "videotestsrc is-live=true ! video/x-raw,width=64,height=64 ! p.";

/// Pads an SDP with a line that means nothing, so that it is longer than a terminal's line.
fn longer_than_a_terminal_line(sdp: &str) -> String {
    format!("{}a=x-padding:{}\r\n", sdp, "p".repeat(5000))
}

#[test]
fn an_answer_longer_than_a_terminal_line_arrives_whole() {
    let mut bench = Launched::start(
        &format!("periscope name=p http=false console=on {PICTURE}"),
        true,
    );
    bench.wait_line("ready");
    bench.type_in("offer\r");
    let offer = paste::read_description(&bench.wait_line("offer")).unwrap();
    let viewer = Viewer::new(ALL);
    let answer = longer_than_a_terminal_line(&viewer.answer(&offer.sdp));
    let text = Description::new(Kind::Answer, &answer).to_base64();
    assert!(text.len() > 4096);
    bench.type_in(&format!("{text}\r"));
    viewer.wait_packets("H264", 10);
}

#[test]
fn plain_sdp_over_many_lines_is_taken_from_a_terminal() {
    let mut bench = Launched::start(
        &format!("periscope name=p http=false console=on {PICTURE}"),
        true,
    );
    bench.wait_line("ready");
    bench.type_in("offer\r");
    let offer = paste::read_description(&bench.wait_line("offer")).unwrap();
    let viewer = Viewer::new(ALL);
    let answer = viewer.answer(&offer.sdp).replace("\r\n", "\r");
    bench.type_in(&format!("\x1b[200~{answer}\x1b[201~\r"));
    viewer.wait_packets("H264", 10);
}

#[test]
fn the_console_works_on_pipes_and_tells_about_viewers() {
    let mut bench = Launched::start(
        &format!("periscope name=p http=false console=on {PICTURE}"),
        false,
    );
    bench.wait_line("ready");
    bench.type_in("offer\n");
    let offer = paste::read_description(&bench.wait_line("offer")).unwrap();
    let viewer = Viewer::new(ALL);
    let answer = Description::new(Kind::Answer, &viewer.answer(&offer.sdp));
    bench.type_in(&format!("{}\n", answer.to_json()));
    viewer.wait_packets("H264", 10);
    bench.type_in("peers\n");
    assert!(bench.wait_line("peers").starts_with("1 connected"));
    bench.type_in("drop 7\n");
    assert!(bench.wait_line("error").contains("no peer 7"));
    bench.type_in("nonsense\n");
    assert!(bench.wait_line("error").contains("nonsense"));
    bench.type_in("drop 1\n");
    bench.type_in("help\n");
    assert!(bench.wait_line("help").contains("offer"));
}

#[test]
fn the_console_tells_who_controls_and_takes_it_away() {
    let mut launched = Launched::start(
        "periscope name=p http=false port=0 console=on \
         audiotestsrc is-live=true ! p.  p.data_src_0 ! fakesink async=false",
        false,
    );
    launched.wait_line("ready");
    launched.type_in("control\n");
    assert_eq!(launched.wait_line("control"), "nobody has control");
    launched.type_in("code control\n");
    let code = Code::read(&launched.wait_line("code")).unwrap();
    let page = Visitor::page(&code);
    page.hears("welcome");
    let _heart = page.heart();
    page.say(r#"{"type":"take"}"#);
    assert_eq!(launched.wait_line("control"), "viewer 1 has control");
    launched.type_in("release\n");
    let why = "control was taken away at the bench";
    assert_eq!(launched.wait_line("safe"), why);
    assert_eq!(launched.wait_line("control"), "nobody has control");
    page.hears(why);
}

#[test]
fn standard_input_that_ends_does_not_end_the_pipeline() {
    let mut bench = Launched::start(
        &format!("periscope name=p port=0 console=on {PICTURE}"),
        false,
    );
    let url = bench.wait_line("page");
    // The console's input ends, the page stays.
    let stdin = std::mem::replace(&mut bench.stdin, no_input());
    drop(stdin);
    let address = url
        .strip_prefix("http://")
        .and_then(|rest| rest.split('/').next())
        .unwrap();
    let mut page = std::net::TcpStream::connect(address).unwrap();
    page.write_all(b"GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut text = String::new();
    page.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text:.80}");
    assert!(text.contains("id=\"code-in\""));
}

#[test]
fn the_console_tells_the_addresses_by_http_first_then_by_https_and_what_those_are_for() {
    let mut bench = Launched::start(
        &format!("periscope name=p port=0 address=127.0.0.1 key=lab-7 console=on {PICTURE}"),
        false,
    );
    let http = bench.wait_line("page");
    let rest = http.strip_prefix("http://127.0.0.1:").unwrap();
    assert_eq!(bench.wait_line("page"), format!("https://127.0.0.1:{rest}"));
    let note = bench.wait_line("note");
    assert!(note.starts_with("https is for talking"), "{note}");
    // This bench is not the same one after a restart.
    assert!(note.contains("after each start"), "{note}");
    assert_eq!(
        note.split("fingerprint sha-256 ").nth(1).map(str::len),
        Some(95)
    );
}

/// A standard input that nobody reads.
fn no_input() -> ChildStdin {
    let mut child = Command::new("true").stdin(Stdio::piped()).spawn().unwrap();
    let stdin = child.stdin.take().unwrap();
    child.wait().unwrap();
    stdin
}

/// A folder with all plugins of the system but some.
fn plugins_without(left_out: &[&str], folder: &Path) {
    let _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir_all(folder).unwrap();
    let system = Command::new("pkg-config")
        .args(["--variable=pluginsdir", "gstreamer-1.0"])
        .output()
        .unwrap();
    let system = String::from_utf8(system.stdout).unwrap();
    for entry in std::fs::read_dir(system.trim()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if !left_out.contains(&name) {
            std::os::unix::fs::symlink(&path, folder.join(name)).unwrap();
        }
    }
}

/// What gst-launch says when it has to start without some plugins.
fn complaint_without(left_out: &[&str], name: &str, pipeline: &str) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    plugins_without(left_out, &folder);
    let output = Command::new("sh")
        .args(["-c", &format!("exec gst-launch-1.0 {}", unseen(pipeline))])
        .env("GST_PLUGIN_PATH", plugin_folder())
        .env("GST_PLUGIN_SYSTEM_PATH", &folder)
        .env("GST_REGISTRY", folder.join("registry.bin"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].map(|o| String::from_utf8_lossy(&o).into_owned());
    let text = text.concat();
    let _ = std::fs::remove_dir_all(&folder);
    text
}

#[test]
fn a_missing_element_is_reported_with_its_debian_package() {
    let text = complaint_without(
        &["libgstnice.so"],
        "without-nice",
        "videotestsrc num-buffers=1 ! periscope http=false",
    );
    assert!(text.contains("“nicesrc”"), "{text}");
    assert!(text.contains("apt install gstreamer1.0-nice"), "{text}");
}

#[test]
fn without_an_h264_encoder_everybody_gets_vp8_and_a_warning_says_so() {
    let text = complaint_without(
        &[
            "libgstx264.so",
            "libgstopenh264.so",
            "libgstva.so",
            "libgstnvcodec.so",
            "libgstvideo4linux2.so",
            "libgstqsv.so",
            "libgstvaapi.so",
            "libgstomx.so",
        ],
        "without-h264",
        "videotestsrc num-buffers=3 ! periscope http=false",
    );
    assert!(text.contains("no H.264 encoder"), "{text}");
    assert!(!text.contains("ERROR"), "{text}");
}
