//! The one connection of a description: its ICE credentials, fingerprints, role and candidates.
//!
//! All media sections share one transport (BUNDLE), and its parameters are those of the section
//! that the group names first (RFC 8843, section 7.3: the tagged section). Sections that are
//! refused, or that a browser leaves bare, have none of their own.

use super::candidate::Candidate;
use super::{Line, Media, Sdp, SdpError, attribute, attributes};
use crate::signaling::code::is_ice_char;
use crate::signaling::fingerprint::{Fingerprint, FingerprintError};

/// Most candidates that are passed on. Each costs a connectivity check to an address that the
/// peer names: a description must not be a way to make us knock on many doors.
const MAX_CANDIDATES: usize = 32;

/// Where the transport's parameters are found: in the tagged section, else in the session's
/// lines, else in the first section that has them.
pub(super) struct Transport<'a> {
    places: Vec<&'a [Line]>,
    tagged: Option<&'a [Line]>,
}

impl Sdp {
    pub(super) fn transport(&self) -> Transport<'_> {
        let tagged = self
            .bundle()
            .and_then(|mids| {
                let lines = mids
                    .into_iter()
                    .filter_map(|mid| self.media.iter().find(|m| m.mid() == Some(mid)));
                lines.into_iter().find(|media| !media.rejected())
            })
            .or_else(|| self.media.iter().find(|media| !media.rejected()))
            .map(|media| media.lines.as_slice());
        let rest = self
            .media
            .iter()
            .filter(|m| !m.rejected())
            .map(|m| m.lines.as_slice());
        let places = tagged
            .into_iter()
            .chain([self.session.as_slice()])
            .chain(rest)
            .collect();
        Transport { places, tagged }
    }
}

impl<'a> Transport<'a> {
    pub(super) fn attribute(&self, name: &str) -> Option<&'a str> {
        self.places
            .iter()
            .find_map(|lines| attribute(lines, name).filter(|v| !v.is_empty()))
    }

    /// `a=ice-ufrag` and `a=ice-pwd` of one place (RFC 8839, section 5.4): of ICE characters
    /// only, 4–256 and 22–256 of them. They are written into other texts, so a line end in them
    /// would be an injection.
    pub(super) fn credentials(&self) -> Result<(&'a str, &'a str), SdpError> {
        self.places
            .iter()
            .find_map(|lines| attribute(lines, "ice-ufrag").zip(attribute(lines, "ice-pwd")))
            .filter(|(ufrag, pwd)| is_ice_text(ufrag, 4, 256) && is_ice_text(pwd, 22, 256))
            .ok_or(SdpError::IceCredentials)
    }

    /// The usable fingerprints of one place. Weak ones are passed over if there is a good one.
    pub(super) fn fingerprints(&self) -> Result<Vec<Fingerprint>, SdpError> {
        let lines = self
            .places
            .iter()
            .find(|lines| attribute(lines, "fingerprint").is_some())
            .ok_or(SdpError::NoFingerprint)?;
        let mut good: Vec<Fingerprint> = Vec::new();
        let mut weak = None;
        for value in attributes(lines, "fingerprint").take(16) {
            match value.parse::<Fingerprint>() {
                Ok(fingerprint) if good.contains(&fingerprint) => {}
                Ok(fingerprint) => good.push(fingerprint),
                Err(error @ FingerprintError::Algorithm(_)) => weak = Some(error),
                Err(error) => return Err(error.into()),
            }
        }
        match (good.is_empty(), weak) {
            (true, Some(error)) => Err(error.into()),
            (true, None) => Err(SdpError::NoFingerprint),
            (false, _) => Ok(good),
        }
    }

    /// The DTLS role (RFC 8842, section 5), if the description says it.
    pub(super) fn setup(&self) -> Result<Option<&'static str>, SdpError> {
        match self.attribute("setup") {
            None => Ok(None),
            Some("actpass") => Ok(Some("actpass")),
            Some("active") => Ok(Some("active")),
            Some("passive") => Ok(Some("passive")),
            Some(other) => Err(SdpError::Setup(other.chars().take(20).collect())),
        }
    }

    /// The usable candidates of the tagged section: those of other sections are for transports
    /// that bundling never opens.
    pub(super) fn candidates(&self) -> Vec<Candidate> {
        let mut candidates: Vec<Candidate> = Vec::new();
        for value in self
            .tagged
            .into_iter()
            .flat_map(|lines| attributes(lines, "candidate"))
        {
            if candidates.len() == MAX_CANDIDATES {
                break;
            }
            if let Some(candidate) = Candidate::parse(value)
                && !candidates.contains(&candidate)
            {
                candidates.push(candidate);
            }
        }
        candidates
    }
}

/// Letters, digits, `+` and `/` (RFC 8839, section 5.1: ice-char), within a length.
pub(super) fn is_ice_text(text: &str, shortest: usize, longest: usize) -> bool {
    (shortest..=longest).contains(&text.len()) && text.bytes().all(is_ice_char)
}

/// The transport's parameters, checked: what is written into every media section.
pub(super) struct Parameters {
    pub(super) ufrag: String,
    pub(super) pwd: String,
    pub(super) fingerprints: Vec<Fingerprint>,
    pub(super) setup: &'static str,
    pub(super) candidates: Vec<Candidate>,
}

impl Parameters {
    /// Takes them from a description; `setup` if that does not name a role.
    pub(super) fn read(sdp: &Sdp, setup: &'static str) -> Result<Self, SdpError> {
        let transport = sdp.transport();
        let (ufrag, pwd) = transport.credentials()?;
        Ok(Self {
            ufrag: ufrag.to_owned(),
            pwd: pwd.to_owned(),
            fingerprints: transport.fingerprints()?,
            setup: transport.setup()?.unwrap_or(setup),
            candidates: transport.candidates(),
        })
    }

    /// Writes them into a media section; the candidates into the first one only, because
    /// `webrtcbin` looks for them in the section of the BUNDLE group's first mid.
    pub(super) fn write(&self, media: &mut Media, first: bool) {
        let mut add = |name: &str, value: &str| media.lines.push(Line::attribute(name, value));
        add("ice-ufrag", &self.ufrag);
        add("ice-pwd", &self.pwd);
        for fingerprint in &self.fingerprints {
            add("fingerprint", &fingerprint.to_string());
        }
        add("setup", self.setup);
        if first {
            for candidate in &self.candidates {
                add("candidate", &candidate.to_string());
            }
            add("end-of-candidates", "");
        }
    }
}
