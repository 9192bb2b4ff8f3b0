//! Marks by which an answer is told to belong to an offer (`web/PROTOCOL.md`).
//!
//! An answer says nothing of its offer but the mids, which it repeats. So every mid of an offer
//! that leaves us ends in a dot and four characters of that offer's own.

use super::offer::set_mid;
use super::{Media, MediaKind, Sdp};

/// Session attribute of our answers: the `ice-ufrag` of the offer that is answered.
pub const ANSWER_TO: &str = "x-periscope-answer-to";

/// Longest `a=mid` in bytes that Chromium takes.
pub const MAX_MID: usize = 16;

/// Length of a tag in characters.
const TAG: usize = 4;

/// Appends `.tag` to every mid and in the groups. A mid that would grow longer than [`MAX_MID`]
/// (`application2` of webrtcbin) is first replaced by a short one (`data2`): only
/// [`untag_mids`] knows the way back.
pub fn tag_mids(offer: &Sdp, tag: &str) -> Sdp {
    let names: Vec<(String, String)> = tagged_names(offer, tag);
    rename(offer, &names)
}

/// Undoes [`tag_mids`] in an answer; `our_offer` is the offer as it was before. Other mids are
/// left as they are.
pub fn untag_mids(answer: &Sdp, tag: &str, our_offer: &Sdp) -> Sdp {
    let names: Vec<(String, String)> = tagged_names(our_offer, tag)
        .into_iter()
        .map(|(plain, tagged)| (tagged, plain))
        .collect();
    rename(answer, &names)
}

/// The tag that all mids share, if they do.
pub fn mid_tag(sdp: &Sdp) -> Option<String> {
    let mut tags = sdp.media.iter().map(|media| {
        let (name, tag) = media.mid()?.rsplit_once('.')?;
        let whole = tag.len() == TAG && tag.bytes().all(|b| b.is_ascii_alphanumeric());
        (whole && !name.is_empty()).then_some(tag)
    });
    let first = tags.next()??;
    tags.all(|tag| tag == Some(first)).then(|| first.to_owned())
}

/// Every mid with its tagged form.
fn tagged_names(offer: &Sdp, tag: &str) -> Vec<(String, String)> {
    let mut names: Vec<(String, String)> = Vec::new();
    let long = |mid: &str| mid.len() + 1 + tag.len() > MAX_MID;
    for (index, media) in offer.media.iter().enumerate() {
        let Some(mid) = media.mid() else { continue };
        let mut short = if long(mid) {
            short_name(media, index)
        } else {
            mid.to_owned()
        };
        // The short name may be another line's own one.
        while long(mid) && offer.mids().contains(&Some(short.as_str())) {
            short.push('_');
        }
        names.push((mid.to_owned(), format!("{short}.{tag}")));
    }
    names
}

fn short_name(media: &Media, index: usize) -> String {
    let kind = match media.kind() {
        MediaKind::Audio => "audio",
        MediaKind::Video => "video",
        MediaKind::Application => "data",
        MediaKind::Other => "other",
    };
    format!("{kind}{index}")
}

fn rename(sdp: &Sdp, names: &[(String, String)]) -> Sdp {
    let find = |mid: &str| {
        names
            .iter()
            .find(|(old, _)| old == mid)
            .map(|(_, new)| new.clone())
    };
    let mut renamed = sdp.clone();
    for media in &mut renamed.media {
        if let Some(new) = media.mid().and_then(find) {
            set_mid(media, &new);
        }
    }
    for line in &mut renamed.session {
        let Some(("group", members)) = line.as_attribute() else {
            continue;
        };
        let mut words = members.split_ascii_whitespace();
        let semantics = words.next().unwrap_or_default().to_owned();
        let members = words.map(|mid| find(mid).unwrap_or_else(|| mid.to_owned()));
        let value: Vec<String> = [semantics].into_iter().chain(members).collect();
        line.value = format!("group:{}", value.join(" "));
    }
    renamed
}
