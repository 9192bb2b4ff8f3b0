//! A browser's offer, made ready for `webrtcbin`.

use super::media::is_token;
use super::transport::Parameters;
use super::write::{Section, session, usable_codecs};
use super::{Direction, Line, Media, MediaKind, Sdp, SdpError, set_attribute};

/// Makes the offer of a peer into one that `webrtcbin` takes.
///
/// Every line gets a mid and the transport's parameters of the BUNDLE group's first line; usable
/// candidates go to the first line, all others are dropped; `a=bundle-only` lines (port 0) become
/// ordinary ones. A line that the peer refuses itself becomes *inactive*: [`restore_rejected`]
/// puts it right in our answer.
///
/// Only first offers are taken: `webrtcbin` asserts on a later offer that names its lines
/// otherwise.
///
/// # Errors
/// [`SdpError`]: no DTLS, no BUNDLE, media that we do not serve, names or credentials that are
/// not well-formed.
pub fn normalise_remote_offer(offer: &Sdp) -> Result<Sdp, SdpError> {
    if offer.media.is_empty() {
        return Err(SdpError::NoMedia);
    }
    check_kinds(offer)?;
    let parameters = Parameters::read(offer, "actpass")?;
    let mids = unique_mids(offer)?;
    check_bundle(offer)?;
    let usual = offer.session_direction();
    let mut normal = Sdp {
        session: session(offer),
        media: Vec::new(),
    };
    for (index, (media, mid)) in offer.media.iter().zip(&mids).enumerate() {
        let codecs = usable_codecs(media);
        if codecs.is_empty() && media.kind() != MediaKind::Application {
            return Err(SdpError::NoCodec { line: index + 1 });
        }
        let direction = match media.rejected() {
            true => Direction::INACTIVE,
            false => media.own_direction().or(usual).unwrap_or(media.direction()),
        };
        let section = Section {
            from: media,
            codecs,
            mid,
            direction,
            streams: !media.rejected(),
        };
        normal.media.push(section.write(&parameters, index == 0));
    }
    // A single line without a group stays so: our answer must not bring a group of its own.
    if offer.bundle().is_some() {
        normal.set_bundle(&mids);
    }
    Ok(normal)
}

/// Refuses in `answer`, which `webrtcbin` wrote, the lines that the peer had refused in its own
/// `offer` (RFC 3264, section 6: a line with port 0 is answered with port 0). For the text that
/// goes to the peer only; `webrtcbin` itself must keep the lines.
pub fn restore_rejected(answer: &Sdp, offer: &Sdp) -> Sdp {
    let mut restored = answer.clone();
    let mut gone = Vec::new();
    for (ours, theirs) in restored.media.iter_mut().zip(&offer.media) {
        if theirs.rejected() {
            ours.port = 0;
            gone.extend(ours.mid().map(str::to_owned));
        }
    }
    if !gone.is_empty()
        && let Some(bundle) = answer.bundle()
    {
        let left: Vec<String> = bundle
            .into_iter()
            .filter(|mid| !gone.iter().any(|g| g == mid))
            .map(str::to_owned)
            .collect();
        restored.set_bundle(&left);
    }
    restored
}

/// Says in `answer`, which `webrtcbin` wrote, that header extensions go one way only where the peer's
/// `offer` says so (RFC 8285, section 6); it drops that. For the text that goes to the peer only.
pub fn restore_extension_directions(answer: &mut Sdp, offer: &Sdp) {
    for (ours, theirs) in answer.media.iter_mut().zip(&offer.media) {
        for line in &mut ours.lines {
            let Some(("extmap", value)) = line.as_attribute() else {
                continue;
            };
            let directed = value.split_once(' ').and_then(|(id, uri)| {
                let direction = theirs.extension_direction(id)?.reversed();
                Some(format!("{id}/{} {uri}", direction.as_str()))
            });
            if let Some(directed) = directed {
                *line = Line::attribute("extmap", &directed);
            }
        }
    }
}

impl Sdp {
    /// The direction that holds for lines without one (RFC 8866, section 6.7).
    pub(super) fn session_direction(&self) -> Option<Direction> {
        self.session
            .iter()
            .filter_map(Line::as_attribute)
            .find_map(|(name, _)| Direction::parse(name))
    }
}

fn check_kinds(offer: &Sdp) -> Result<(), SdpError> {
    let mut data_lines = 0;
    for (index, media) in offer.media.iter().enumerate() {
        let served = match media.kind() {
            // Any of the names that RFC 8829, section 5.1.2 wants to see accepted: what makes it
            // DTLS is the fingerprint.
            MediaKind::Audio | MediaKind::Video => {
                media.protocol.ends_with("RTP/SAVPF") || media.protocol.ends_with("RTP/SAVP")
            }
            MediaKind::Application => media.is_data(),
            MediaKind::Other => false,
        };
        if !served {
            let text = media.header().chars().take(60).collect();
            return Err(SdpError::Unsupported {
                line: index + 1,
                text,
            });
        }
        data_lines += usize::from(media.is_data());
    }
    match data_lines {
        0 | 1 => Ok(()),
        _ => Err(SdpError::SeveralDataLines),
    }
}

/// The mids of all lines; those that are missing are invented.
fn unique_mids(offer: &Sdp) -> Result<Vec<String>, SdpError> {
    let mut mids: Vec<String> = Vec::new();
    for mid in offer.mids().into_iter().flatten() {
        // webrtcbin splits the BUNDLE group at spaces and looks names up by string.
        if !is_token(mid) || mid.len() > 255 || mids.iter().any(|known| known == mid) {
            return Err(SdpError::Mid(mid.chars().take(40).collect()));
        }
        mids.push(mid.to_owned());
    }
    let taken = mids.clone();
    let mut free = (0..)
        .map(|n: u32| n.to_string())
        .filter(|mid| !taken.contains(mid));
    Ok(offer
        .media
        .iter()
        .map(|media| match media.mid() {
            Some(mid) => mid.to_owned(),
            // The iterator has no end.
            None => free.next().unwrap_or_default(),
        })
        .collect())
}

/// Everything that is offered must share one connection (RFC 8843).
fn check_bundle(offer: &Sdp) -> Result<(), SdpError> {
    let bundle = match offer.bundle() {
        Some(bundle) => bundle,
        None if offer.media.len() == 1 => return Ok(()),
        None => Vec::new(),
    };
    for (index, media) in offer.media.iter().enumerate() {
        let inside = media.mid().is_some_and(|mid| bundle.contains(&mid));
        if !inside && !media.rejected() {
            return Err(SdpError::NotBundled { line: index + 1 });
        }
    }
    Ok(())
}

/// Gives a media section another mid.
pub(super) fn set_mid(media: &mut Media, mid: &str) {
    set_attribute(&mut media.lines, "mid", mid);
}
