//! What the driver (`benches/versus.mjs`), the senders and the viewers say to each other: one
//! JSON object in a line, on standard input and standard output.

use std::io::{BufRead as _, Write as _};

use serde::{Deserialize, Serialize};

/// One line. Viewers are numbered by the driver.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "lowercase", deny_unknown_fields)]
pub enum Word {
    /// To a sender: one more viewer is to be offered the stream.
    Join {
        /// Its number.
        viewer: u32,
    },
    /// To the viewers: make one that calls by WHEP, as Periscope's page does. It answers with
    /// its offer.
    Call {
        /// Its number.
        viewer: u32,
    },
    /// An offer; also makes the viewer that it is given to.
    Offer {
        /// Whose.
        viewer: u32,
        /// As in RFC 8866.
        sdp: String,
    },
    /// The answer to an offer.
    Answer {
        /// Whose.
        viewer: u32,
        /// As in RFC 8866.
        sdp: String,
    },
    /// A candidate that was found after the description had gone out.
    Candidate {
        /// Whose.
        viewer: u32,
        /// Number of the m-line.
        line: u32,
        /// `candidate:…`
        candidate: String,
    },
    /// Asks for [`Word::Pictures`] or [`Word::Counts`].
    Count,
    /// To the viewers: count from 0 again.
    Reset,
    /// From a sender: viewers may come.
    Ready {
        /// Where, if it serves a page.
        page: Option<String>,
    },
    /// From a sender: so many pictures have left its source.
    Pictures {
        /// Since the start.
        count: u64,
    },
    /// From the viewers: one has its first whole key frame.
    First {
        /// Whose.
        viewer: u32,
        /// Milliseconds since 1970.
        at: f64,
    },
    /// From the viewers: what has come since the last reset.
    Counts {
        /// Of each.
        viewers: Vec<Counts>,
    },
    /// Something that makes the measurement worthless.
    Failed {
        /// With whom, if with one viewer.
        viewer: Option<u32>,
        /// A sentence.
        why: String,
    },
}

/// What has come to one viewer. Video only.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct Counts {
    /// Its number.
    pub viewer: u32,
    /// RTP packets.
    pub packets: u64,
    /// Their payload.
    pub bytes: u64,
    /// Packets that are missing: sequence numbers that were passed over.
    pub lost: i64,
    /// Whole pictures: packets with the marker.
    pub pictures: u64,
    /// RTP time from the first of those to the last, 90 kHz.
    pub span: u64,
}

/// Writes a line; several threads may.
pub fn say(word: &Word) {
    if let Ok(line) = serde_json::to_string(word) {
        let mut out = std::io::stdout().lock();
        // Without a driver there is nobody to tell; standard input ends, too.
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }
}

/// The lines that come, up to the end of standard input.
pub fn heard() -> impl Iterator<Item = anyhow::Result<Word>> {
    std::io::stdin()
        .lock()
        .lines()
        .map(|line| Ok(serde_json::from_str(&line?)?))
}
