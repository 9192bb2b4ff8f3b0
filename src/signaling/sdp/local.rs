//! What is ours in our own descriptions, in place of what `webrtcbin` makes up.

use super::{Line, Sdp, set_attribute};
use crate::signaling::fingerprint::Fingerprint;
use std::net::SocketAddr;

/// Type preference of host candidates and component 1 (RFC 8445, section 5.1.2).
const HOST: u32 = 126 << 24;
const COMPONENT: u32 = 256 - 1;

/// The DTLS role (RFC 8842, section 5) of who writes a description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setup {
    /// Begins the handshake.
    Active,
    /// Waits for it.
    Passive,
}

/// Our end of a connection by ICE-lite (RFC 8445, section 2.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiteIce {
    /// `a=ice-ufrag`
    pub ufrag: String,
    /// `a=ice-pwd`
    pub pwd: String,
    /// Where we answer, best first.
    pub candidates: Vec<SocketAddr>,
}

impl Sdp {
    /// Makes this a description of an ICE-lite agent with these credentials and candidates.
    /// The same values must be written into every description of a session: others would ask
    /// the browser for an ICE restart (RFC 8839, section 4.4.1.1.1).
    pub fn set_lite_ice(&mut self, ice: &LiteIce) {
        self.session.retain(|line| {
            line.as_attribute()
                .is_none_or(|(name, _)| name != "ice-options")
        });
        set_attribute(&mut self.session, "ice-lite", "");
        let tagged = self.bundle().and_then(|mids| {
            let first = *mids.first()?;
            self.media.iter().position(|m| m.mid() == Some(first))
        });
        for (index, media) in self.media.iter_mut().enumerate() {
            media.lines.retain(|line| {
                line.as_attribute().is_none_or(|(name, _)| {
                    !matches!(name, "candidate" | "end-of-candidates" | "ice-options")
                })
            });
            set_attribute(&mut media.lines, "ice-ufrag", &ice.ufrag);
            set_attribute(&mut media.lines, "ice-pwd", &ice.pwd);
            if index == tagged.unwrap_or(0) {
                media.lines.extend(ice.candidate_lines());
            }
        }
    }
}

impl LiteIce {
    fn candidate_lines(&self) -> impl Iterator<Item = Line> {
        let candidate = |(index, address): (usize, &SocketAddr)| {
            let rank = u32::try_from(index).unwrap_or(u32::MAX).min(0xffff);
            let priority = HOST | ((0xffff - rank) << 8) | COMPONENT;
            let (number, ip, port) = (index + 1, address.ip(), address.port());
            Line::attribute(
                "candidate",
                &format!("{number} 1 UDP {priority} {ip} {port} typ host"),
            )
        };
        self.candidates
            .iter()
            .enumerate()
            .map(candidate)
            .chain([Line::attribute("end-of-candidates", "")])
    }
}

/// The offer that a page would have sent, had it sent one: a data channel line and nothing
/// else. `ufrag` and `fingerprint` are the page's; `setup` is its DTLS role. The password is
/// made up: a lite agent sends no checks.
pub fn data_only_offer(ufrag: &str, fingerprint: &Fingerprint, setup: Setup) -> String {
    let setup = match setup {
        Setup::Active => "active",
        Setup::Passive => "passive",
    };
    format!(
        "v=0\r\n\
         o=- 1 1 IN IP4 127.0.0.1\r\n\
         s=-\r\n\
         t=0 0\r\n\
         a=group:BUNDLE 0\r\n\
         m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n\
         c=IN IP4 0.0.0.0\r\n\
         a=mid:0\r\n\
         a=ice-ufrag:{ufrag}\r\n\
         a=ice-pwd:0000000000000000000000\r\n\
         a=fingerprint:{fingerprint}\r\n\
         a=setup:{setup}\r\n\
         a=sctp-port:5000\r\n\
         a=max-message-size:262144\r\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\no=- 1 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n\
        a=ice-options:trickle\r\na=group:BUNDLE data0 video1\r\n\
        m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:data0\r\n\
        a=ice-ufrag:theirs\r\na=ice-pwd:0123456789012345678901\r\n\
        a=candidate:1 1 UDP 1 10.0.0.1 5 typ host\r\n\
        m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:video1\r\na=bundle-only\r\n\
        a=ice-ufrag:theirs\r\na=ice-pwd:0123456789012345678901\r\n";

    fn ice(candidates: &[&str]) -> LiteIce {
        LiteIce {
            ufrag: "ours".into(),
            pwd: "a".repeat(24),
            candidates: candidates
                .iter()
                .map(|text| text.parse().expect("an address"))
                .collect(),
        }
    }

    #[test]
    fn every_section_gets_our_credentials_and_the_first_our_candidates() {
        let mut sdp = Sdp::parse(OFFER).expect("an offer");
        sdp.set_lite_ice(&ice(&["192.168.1.20:8080", "[fd00::1]:8080"]));
        let text = sdp.to_string();
        assert_eq!(text.matches("a=ice-ufrag:ours\r\n").count(), 2);
        assert!(
            !text.contains("theirs") && !text.contains("trickle") && !text.contains("10.0.0.1")
        );
        let (session, media) = text.split_once("m=application").expect("sections");
        assert!(session.contains("a=ice-lite\r\n"));
        let (data, video) = media.split_once("m=video").expect("two sections");
        assert!(data.contains(
            "a=candidate:1 1 UDP 2130706431 192.168.1.20 8080 typ host\r\n\
             a=candidate:2 1 UDP 2130706175 fd00::1 8080 typ host\r\n\
             a=end-of-candidates\r\n"
        ));
        assert!(!video.contains("candidate"));
    }

    #[test]
    fn doing_it_twice_changes_nothing() {
        let mut sdp = Sdp::parse(OFFER).expect("an offer");
        sdp.set_lite_ice(&ice(&["192.168.1.20:8080"]));
        let mut again = sdp.clone();
        again.set_lite_ice(&ice(&["192.168.1.20:8080"]));
        assert_eq!(again, sdp);
    }

    #[test]
    fn the_made_up_offer_is_one_that_is_read() {
        let fingerprint = Fingerprint::of_der(b"certificate");
        let offer = data_only_offer("abcd", &fingerprint, Setup::Active);
        let sdp = Sdp::parse(&offer).expect("an offer");
        let normal = super::super::normalise_remote_offer(&sdp).expect("a normal one");
        assert_eq!(normal.fingerprints(), [fingerprint]);
        assert_eq!(normal.ice_ufrag(), Some("abcd"));
        assert!(normal.to_string().contains("a=setup:active\r\n"));
    }
}
