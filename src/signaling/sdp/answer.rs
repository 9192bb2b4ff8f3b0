//! A browser's answer to our offer, made ready for `webrtcbin`.

use super::transport::Parameters;
use super::write::{Section, session, usable_codecs};
use super::{Codec, Direction, Media, MediaKind, Sdp, SdpError};

/// A normalised answer, and what the peer agreed to in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// For `set-remote-description`.
    pub sdp: Sdp,
    /// One entry for each media line, in order.
    pub accepted: Vec<AcceptedMedia>,
}

/// What the peer makes of one line of our offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedMedia {
    /// Index of the line, from 0.
    pub mline: usize,
    /// Its `a=mid`.
    pub mid: String,
    /// What it carries.
    pub kind: MediaKind,
    /// The agreed direction as we see it: `send` if we send.
    pub direction: Direction,
    /// The codec to send: the first of the answer that we offered and that is a codec proper,
    /// with the parameters the peer asks for. `None` for data channels and refused lines.
    pub codec: Option<Codec>,
    /// The peer reports when each packet of that codec arrives.
    pub reports_arrivals: bool,
    /// The peer refused the line. `webrtcbin` sees an inactive one.
    pub rejected: bool,
}

/// Makes the answer of a peer into one that `webrtcbin` takes.
///
/// `our_offer` is what was given to the peer, with the mids that it repeats: a tagged answer goes
/// through [`untag_mids`](super::untag_mids) first, or is held against the tagged offer.
///
/// A line that the peer refuses becomes an accepted, *inactive* one with the formats of our own
/// offer: on 1.22 a refused line leaves its transceiver without a mid, and the next offer aborts
/// the process. Such a line stays inactive: 1.22 cannot change a direction later.
///
/// # Errors
/// [`SdpError::AnswerForAnotherOffer`] if lines or mids are not those of our offer, and the rest
/// of [`SdpError`] as for offers.
pub fn normalise_answer(answer: &Sdp, our_offer: &Sdp) -> Result<Answer, SdpError> {
    if answer.media.is_empty() {
        return Err(SdpError::NoMedia);
    }
    let mids = matching_mids(answer, our_offer)?;
    check_transport(answer, our_offer)?;
    let parameters = Parameters::read(answer, "active")?;
    check_setup(parameters.setup, our_offer)?;

    let mut normal = Sdp {
        session: session(answer),
        media: Vec::new(),
    };
    let mut accepted = Vec::new();
    for (mline, (theirs, ours)) in answer.media.iter().zip(&our_offer.media).enumerate() {
        let mid = &mids[mline];
        let codecs = if theirs.rejected() {
            Vec::new()
        } else {
            agreed_codecs(mline, theirs, ours)?
        };
        let data = ours.kind() == MediaKind::Application;
        let codec = codecs.iter().find(|codec| codec.is_primary()).cloned();
        // Accepted with nothing but retransmission is as good as refused.
        let rejected = theirs.rejected() || (!data && codec.is_none());
        let direction = if rejected {
            Direction::INACTIVE
        } else {
            // What is not legal (RFC 3264, section 6.1) is cut down to what is: webrtcbin fails
            // if both ends only send, or only receive.
            let theirs = theirs
                .own_direction()
                .or(answer.session_direction())
                .unwrap_or(theirs.direction());
            theirs.reversed().and(ours.direction())
        };
        let section = if rejected {
            Section {
                from: ours,
                codecs: ours.codecs(),
                mid,
                direction,
                streams: false,
            }
        } else {
            Section {
                from: theirs,
                codecs,
                mid,
                direction: direction.reversed(),
                streams: true,
            }
        };
        normal.media.push(section.write(&parameters, mline == 0));
        let reports_arrivals = codec
            .as_ref()
            .is_some_and(|codec| theirs.reports_arrivals(codec.payload_type));
        accepted.push(AcceptedMedia {
            mline,
            mid: mid.clone(),
            kind: ours.kind(),
            direction,
            codec: codec.filter(|_| !rejected),
            reports_arrivals,
            rejected,
        });
    }
    if our_offer.bundle().is_some() {
        normal.set_bundle(&mids);
    }
    Ok(Answer {
        sdp: normal,
        accepted,
    })
}

/// The mids of our offer, if the answer's lines are the same ones in the same order.
fn matching_mids(answer: &Sdp, our_offer: &Sdp) -> Result<Vec<String>, SdpError> {
    if answer.media.len() != our_offer.media.len() {
        return Err(SdpError::AnswerForAnotherOffer);
    }
    answer
        .media
        .iter()
        .zip(&our_offer.media)
        .map(|(theirs, ours)| {
            let mid = ours.mid().unwrap_or_default();
            // A refused line may come without its mid.
            let fits =
                theirs.kind() == ours.kind() && theirs.mid().is_none_or(|other| other == mid);
            if fits {
                Ok(mid.to_owned())
            } else {
                Err(SdpError::AnswerForAnotherOffer)
            }
        })
        .collect()
}

/// Everything that is accepted must share the connection of the BUNDLE group.
fn check_transport(answer: &Sdp, our_offer: &Sdp) -> Result<(), SdpError> {
    if answer.media.iter().all(Media::rejected) {
        return Err(SdpError::AllRefused);
    }
    let bundle = match answer.bundle() {
        Some(bundle) => bundle,
        None if answer.media.len() == 1 => return Ok(()),
        None if answer.media[0].rejected() => {
            let first = &our_offer.media[0];
            let codecs: Vec<String> = first
                .codecs()
                .into_iter()
                .filter(Codec::is_primary)
                .map(|codec| codec.name)
                .collect();
            return Err(SdpError::FirstLineRefused(format!(
                "{}: {}",
                first.name,
                codecs.join(", ")
            )));
        }
        None => Vec::new(),
    };
    for (index, (theirs, ours)) in answer.media.iter().zip(&our_offer.media).enumerate() {
        let mid = theirs.mid().or(ours.mid()).unwrap_or_default();
        if !theirs.rejected() && !bundle.contains(&mid) {
            return Err(SdpError::NotBundled { line: index + 1 });
        }
    }
    Ok(())
}

/// One end is the DTLS client, the other the server (RFC 8842, section 5.3).
fn check_setup(setup: &'static str, our_offer: &Sdp) -> Result<(), SdpError> {
    let ours = our_offer.transport().setup()?.unwrap_or("actpass");
    match (ours, setup) {
        ("actpass", "active" | "passive") | ("active", "passive") | ("passive", "active") => Ok(()),
        _ => Err(SdpError::Setup(setup.to_owned())),
    }
}

/// The codecs of an accepted line, each of which we must have offered under the same number.
fn agreed_codecs(mline: usize, theirs: &Media, ours: &Media) -> Result<Vec<Codec>, SdpError> {
    if theirs.kind() == MediaKind::Application {
        return match theirs.is_data() {
            true => Ok(Vec::new()),
            false => Err(SdpError::AnswerForAnotherOffer),
        };
    }
    let codecs = usable_codecs(theirs);
    for codec in &codecs {
        let offered = ours
            .codec(codec.payload_type)
            .filter(|_| ours.payload_types().contains(&codec.payload_type));
        if !offered.is_some_and(|offered| offered.same_encoding(codec)) {
            return Err(SdpError::NotOffered {
                line: mline + 1,
                payload_type: codec.payload_type,
            });
        }
    }
    Ok(codecs)
}
