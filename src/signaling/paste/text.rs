//! What terminals, mail programs and word processors do to a text, undone line by line.

use crate::signaling::code::is_invisible;
use crate::signaling::fingerprint::Fingerprint;

/// The lines of a text with any line ends, each [`clean`]: with their indentation, because a
/// terminal may have broken a line at a space.
pub(super) fn lines(text: &str) -> Vec<String> {
    text.replace("\r\n", "\n")
        .split([
            '\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}',
        ])
        .map(clean)
        .collect()
}

/// One line without quoting (`> `), escape sequences, typographic and invisible characters, and
/// without the words that our own console puts in front. A line of a code fence is empty then.
pub(super) fn clean(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            // A colour or cursor sequence: ESC [ parameters letter.
            '\u{1b}' => {
                if chars.next_if_eq(&'[').is_some() {
                    while chars.next_if(|c| !('@'..='~').contains(c)).is_some() {}
                    chars.next();
                }
            }
            '“' | '”' | '„' | '‟' | '«' | '»' | '″' | '＂' => plain.push('"'),
            '‘' | '’' | '‚' | '‛' => plain.push('\''),
            '\u{2010}'..='\u{2015}' | '\u{2212}' => plain.push('-'),
            // “mozilla...THIS_IS_SDPARTA” in the hands of a word processor.
            '…' => plain.push_str("..."),
            c if is_invisible(c) => {}
            c if c.is_whitespace() => plain.push(' '),
            c if c.is_control() => {}
            c => plain.push(c),
        }
    }
    let mut rest = plain.as_str();
    while let Some(quoted) = rest.trim_start().strip_prefix('>') {
        rest = quoted.strip_prefix(' ').unwrap_or(quoted);
    }
    let word = rest.trim_start();
    if word.starts_with("```") || word.starts_with("~~~") {
        return String::new();
    }
    for prefix in ["periscope: offer ", "periscope: answer "] {
        rest = word.strip_prefix(prefix).unwrap_or(rest);
    }
    rest.to_owned()
}

/// A cleaned line without indentation and the marks of code in a sentence.
pub(super) fn trim(line: &str) -> &str {
    line.trim_matches(['`', ' '])
}

/// Whether a line can be one of an SDP (RFC 8866, section 9): one of its letters and `=`.
pub(super) fn is_sdp_line(line: &str) -> bool {
    matches!(line.as_bytes(), [letter, b'=', ..] if b"vosiuepcbtrzkam".contains(letter))
}

/// Number of lines in an SDP that a wrong repair would produce: with words missing or one too
/// many. 0 for every intact description.
pub(super) fn broken_lines(sdp: &str) -> usize {
    let mut lines = sdp.split(['\r', '\n']).filter(|line| !line.is_empty());
    let beginning = if lines.next() == Some("v=0") { 0 } else { 1000 };
    beginning + lines.filter(|line| is_broken(line)).count()
}

/// Whether a line of an SDP has words missing or one too many.
pub(super) fn is_broken(line: &str) -> bool {
    if !is_sdp_line(line) {
        return true;
    }
    let value = &line[2..];
    let words = value.split_ascii_whitespace().count();
    match line.as_bytes()[0] {
        b'o' => words != 6,
        b'c' => words != 3,
        b't' => words != 2,
        b'm' => words < 4,
        b'a' => is_broken_attribute(value),
        _ => false,
    }
}

fn is_broken_attribute(attribute: &str) -> bool {
    let (name, value) = attribute.split_once(':').unwrap_or((attribute, ""));
    let mut words = value.split_ascii_whitespace();
    let count = words.clone().count();
    match name {
        "mid" | "ice-ufrag" | "ice-pwd" | "sctp-port" | "max-message-size" => count != 1,
        "setup" => !matches!(value, "actpass" | "active" | "passive" | "holdconn"),
        "fingerprint" => value.starts_with("sha-256") && value.parse::<Fingerprint>().is_err(),
        "candidate" => {
            let kinds = ["host", "srflx", "prflx", "relay"];
            words.nth(6) != Some("typ") || words.next().is_none_or(|kind| !kinds.contains(&kind))
        }
        "rtpmap" => count != 2 || !value.contains('/'),
        "fmtp" | "extmap" | "rtcp-fb" | "ssrc" | "group" => count < 2,
        name => name.is_empty() || name.contains(' '),
    }
}
