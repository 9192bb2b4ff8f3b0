//! What the fuzz targets do. See `README.md`.

// The plugin's own files.
#[allow(dead_code, unused_imports, unreachable_pub)]
mod ice;
#[allow(dead_code, unused_imports, unreachable_pub)]
mod peer;
#[allow(dead_code, unused_imports, unreachable_pub)]
mod serial;
#[allow(dead_code, unused_imports, unreachable_pub)]
mod signaling;
#[allow(dead_code, unused_imports, unreachable_pub)]
#[path = "../../src/voice/mod.rs"]
mod voice;

pub mod desk;
pub mod framing;
pub mod talkers;

/// Pasted text: what is read as a code or short answer is the same when it is written and
/// read again.
pub fn code(bytes: &[u8]) {
    use signaling::code::{Code, ShortAnswer, parse_code_ufrag};
    let text = String::from_utf8_lossy(bytes);
    if let Ok(code) = Code::read(&text) {
        assert_eq!(Code::read(&code.to_text()), Ok(code));
    }
    if let Some(answer) = ShortAnswer::read(&text) {
        assert_eq!(ShortAnswer::read(&answer.to_text()), Some(answer));
    }
    if let Some((id, fingerprint)) = parse_code_ufrag(&text) {
        assert_eq!(signaling::code::code_ufrag(&id, &fingerprint), text);
    }
}

/// A message on the control channel.
pub fn control(bytes: &[u8]) {
    let _ = peer::control::FromPage::read(&String::from_utf8_lossy(bytes));
}

/// An instrument profile: what is wrong is told with its place, and a good one is good
/// whatever stands around it.
pub fn profile(bytes: &[u8]) {
    use serial::profile::{MAX_PROFILE, Pattern, Profile};
    let text = String::from_utf8_lossy(bytes);
    match Profile::parse(&text, "fuzz.json") {
        Ok(profile) => {
            let again = Profile::parse(&format!(" {}\n", profile.json), "fuzz.json");
            assert!(again.is_ok() || text.len() + 2 > MAX_PROFILE);
        }
        Err(error) => assert!(error.to_string().starts_with("fuzz.json")),
    }
    if let Ok(pattern) = Pattern::new(&text) {
        assert!(!pattern.matches(bytes) || pattern.occurs_in(bytes));
    }
}
