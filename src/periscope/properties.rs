//! The element's properties and what its manual says of them.

use gst::glib;
use gst::prelude::*;

use super::settings::{
    ConsoleMode, DEFAULT_CONTROL_TIMEOUT, DEFAULT_HEARTBEAT_TIMEOUT, DEFAULT_KEY_FRAME_INTERVAL,
    DEFAULT_MAX_PEERS, DEFAULT_PORT, DEFAULT_TALK_LATENCY, IceMode,
};
use crate::congestion::Congestion;
use crate::intercom::Talk;
use crate::media::{AudioProfile, VideoCodec};

pub(super) fn all() -> Vec<glib::ParamSpec> {
    vec![
        glib::ParamSpecEnum::builder::<ConsoleMode>("console")
            .nick("Console")
            .blurb(
                "Whether to take offers, answers and commands on standard input and to print \
                 lines that begin with “periscope: ” on standard output. Type help there",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecBoolean::builder("http")
            .nick("HTTP")
            .blurb(
                "Serve the page at / and WHEP (draft-ietf-wish-whep) at /whep, by http and by \
                 https on one port. By http both are in the clear: who listens on the LAN can \
                 read the key; what the peers say to each other is encrypted in any case. For \
                 https browsers ask once, for the certificate is the bench's own",
            )
            .default_value(true)
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt::builder("port")
            .nick("Port")
            .blurb(
                "TCP port of the page, and UDP port of all peers (ice=lite). If it is not set: \
                 8080, or the next that is free for both. A port that is set and taken is an \
                 error. 0: any free one",
            )
            .maximum(65535)
            .default_value(DEFAULT_PORT.into())
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("key")
            .nick("Key")
            .blurb(
                "What a viewer has to know to open the page: the part of page-url behind #. If \
                 it is not set: 128 random bits, new at each start. 1 to 128 characters out of \
                 A-Z a-z 0-9 - _",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("address")
            .nick("Address")
            .blurb(
                "Addresses of this host to offer and to serve the page on, IPv4 or IPv6, \
                 separated by commas. If it is not set: those of all real network interfaces \
                 (not of containers and virtual machines)",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("stun-server")
            .nick("STUN server")
            .blurb(
                "stun://host:port, for viewers beyond the LAN (RFC 8489). If it is not set: \
                 none, and nothing leaves the LAN",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("turn-server")
            .nick("TURN server")
            .blurb(
                "turn(s)://user:password@host:port, for viewers that cannot be reached \
                 directly (RFC 8656). If it is not set: none",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt::builder("max-peers")
            .nick("Maximum of peers")
            .blurb(
                "Most viewers at a time, offers without an answer included. Further ones are \
                 refused with an error",
            )
            .minimum(1)
            .maximum(1000)
            .default_value(DEFAULT_MAX_PEERS)
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder::<VideoCodec>("video-codec")
            .nick("Video codec")
            .blurb(
                "Which codecs raw video is sent in. An encoder runs for each codec that a \
                 viewer uses, however many viewers. Video that arrives encoded is sent as it \
                 is to all who can decode it",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt::builder("video-bitrate")
            .nick("Video bitrate")
            .blurb(
                "Bitrate of each video encoder in kbit/s. 0: by the size of the picture, a \
                 tenth of a bit for each pixel (0.9 Mbit/s for 640×480 at 30 frames/s, 6.2 \
                 for 1920×1080)",
            )
            .maximum(200_000)
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt::builder("key-frame-interval")
            .nick("Key-frame interval")
            .blurb(
                "Longest time from one key frame to the next in milliseconds. Viewers that \
                 join or lose packets get a key frame at once in any case",
            )
            .minimum(100)
            .maximum(3_600_000)
            .default_value(DEFAULT_KEY_FRAME_INTERVAL)
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("video-encoder")
            .nick("Video encoder")
            .blurb(
                "Element to encode video of its codec with, such as x264enc, vah264enc, \
                 v4l2h264enc or vp8enc. If it is not set: hardware if it works, else software",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder::<Congestion>("congestion")
            .nick("Congestion")
            .blurb(
                "What becomes of viewers whose network does not carry the video, as their \
                 browsers report it. best: the bitrate follows the fastest viewer, never above \
                 video-bitrate; slower ones share a second encoder with half the width and \
                 height, which runs while they need it. fair: the bitrate follows the slowest, \
                 down to a quarter of video-bitrate. off: the bitrate stays. With best and fair, \
                 pictures are left out for a viewer that takes still less, and of video that \
                 arrives encoded: it stays up to date. No encoder gets less than 150 kbit/s",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder::<AudioProfile>("audio-profile")
            .nick("Audio profile")
            .blurb(
                "What raw sound is, and so how it is encoded. Sound that arrives as Opus is \
                 sent as it is (opussrc has such a property of its own)",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt::builder("audio-bitrate")
            .nick("Audio bitrate")
            .blurb(
                "Bitrate of each Opus encoder in kbit/s (at least 6). 0: as audio-profile says, \
                 40 for a voice, 128 for music, 24 for radio",
            )
            .maximum(510)
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder::<IceMode>("ice")
            .nick("ICE")
            .blurb(
                "How peers are reached. lite (RFC 8445, section 2.5): all come in by one UDP \
                 port, and codes work; UDP to that port must pass the firewall. full: for a \
                 bench behind a firewall or with a STUN or TURN server; several UDP ports for \
                 each peer, and no codes",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("identity")
            .nick("Identity")
            .blurb(
                "File that keeps the bench's certificates and the codes, so that a printed code \
                 stays valid. none: new ones at each start. If it is not set: \
                 $XDG_STATE_HOME/periscope/identity.json, or ~/.local/state in place of the \
                 former. Who can read the file can pass for the bench",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecBoolean::builder("code-once")
            .nick("Code for one visit")
            .blurb(
                "The code that is printed at the start is a new one and lets in one viewer, \
                 who may come back as long as the page stays open",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt::builder("code-lifetime")
            .nick("Lifetime of the code")
            .blurb(
                "The code that is printed at the start is a new one and is valid for this many \
                 seconds. 0: the same code at each start, until it is revoked",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecBoolean::builder("mdns")
            .nick("mDNS")
            .blurb(
                "Publish the bench's name, periscope-<8 hexadecimal digits>.local, on the LAN \
                 (RFC 6762): codes and the page are found by it when the address has changed",
            )
            .default_value(true)
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt::builder("heartbeat-timeout")
            .nick("Heartbeat timeout")
            .blurb(
                "For how many milliseconds a page that controls may be silent. Then it loses \
                 control and every instrument is made safe: event instrument-safe out of all \
                 data_src pads; and if it talks it is not heard any more, but after 3 s at the \
                 earliest if it keys no transmitter. The page sends a heartbeat every 100 ms; \
                 less than 500 mistakes a weak Wi-Fi for a dead page. 0: off, only the end of \
                 the connection counts, which may be noticed after many seconds",
            )
            .maximum(60_000)
            .default_value(DEFAULT_HEARTBEAT_TIMEOUT)
            .mutable_ready()
            .build(),
        glib::ParamSpecInt::builder("control-timeout")
            .nick("Control timeout")
            .blurb(
                "After how many milliseconds a viewer that asks for control gets it if the one \
                 who has it does not answer. 0: at once. -1: never",
            )
            .minimum(-1)
            .maximum(86_400_000)
            .default_value(DEFAULT_CONTROL_TIMEOUT)
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt::builder("control-idle")
            .nick("Idle control")
            .blurb(
                "After how many seconds without a command control ends and the instruments are \
                 made safe. 0: never",
            )
            .maximum(604_800)
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder::<Talk>("talk")
            .nick("Talk")
            .blurb(
                "Who of those who may talk (rights “control”) is heard on the audio_src_%u pads \
                 at a time. Without such a pad nobody is. Can be changed at any time",
            )
            .mutable_playing()
            .build(),
        glib::ParamSpecUInt::builder("talk-latency-min")
            .nick("Least latency of talkers")
            .blurb(
                "How many milliseconds of what a viewer says are kept at least, against packets \
                 that come late. It grows by itself as the network needs it, up to \
                 talk-latency-max",
            )
            .maximum(500)
            .default_value(DEFAULT_TALK_LATENCY.0)
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt::builder("talk-latency-max")
            .nick("Greatest latency of talkers")
            .blurb(
                "How many milliseconds of what a viewer says are kept at most. Packets that come \
                 later than that are made up for as well as can be",
            )
            .minimum(20)
            .maximum(1000)
            .default_value(DEFAULT_TALK_LATENCY.1)
            .mutable_ready()
            .build(),
        glib::ParamSpecBoolean::builder("sync")
            .nick("Lip-sync")
            .blurb(
                "Browsers show sound and pictures as they belong together, the earlier one \
                 waiting for the other. False: each is shown as early as it can be",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("code")
            .nick("Code")
            .blurb(
                "The code that was printed at the start, with the addresses of now: a viewer \
                 pastes it into the page and is connected (web/PROTOCOL.md). None while the \
                 element is not PAUSED or PLAYING, or with full ICE. Also posted as element \
                 message periscope-code, fields code, id, rights",
            )
            .read_only()
            .build(),
        glib::ParamSpecBoxed::builder::<gst::Structure>("codes")
            .nick("Codes")
            .blurb(
                "All codes that are valid (field codes: an array of structures with the fields \
                 code, id, rights (view or control), once, and expires in seconds since 1970 \
                 unless it does not). make-code makes one, revoke-code ends one",
            )
            .read_only()
            .build(),
        glib::ParamSpecString::builder("page-url")
            .nick("Address of the page")
            .blurb(
                "Where a browser on the LAN finds the page, key included; open it and watch. \
                 None while the element is not PAUSED or PLAYING, or without http. Also posted \
                 as element message periscope-page: field url; https-url is the same by https, for \
                 talking; fingerprint that of the certificate there",
            )
            .read_only()
            .build(),
        glib::ParamSpecBoxed::builder::<gst::Structure>("stats")
            .nick("Statistics")
            .blurb(
                "State and statistics of each peer (field peers, as list-peers gives them: id, \
                 state, rights, address, control; streams with codec, encoder, encoding (main or \
                 small), thinned, buffers-sent and buffers-dropped; messages-sent and \
                 messages-dropped; commands and commands-refused; what its network takes as \
                 estimate in bit/s, congestion, queue in ms and loss from 0 to 1; packets-sent \
                 and packets-sent-again, RTP packets that do not pass webrtcbin, and how many of \
                 them went out because others had got lost; packets-lost, those that this \
                 computer did not take; webrtc, what webrtcbin tells), \
                 the running encoders (field encoders: stream, codec, element, encoding (main or \
                 small) and bitrate in kbit/s), what came to the UDP port (field port: \
                 peers that are there, packets delivered, checks answered, and for each reason \
                 how many were turned away), messages dropped because the \
                 bench sends faster than can be handed out (field messages-dropped), and of \
                 control: who has it (controller: a peer’s number, 0: nobody), who has asked for \
                 it (waiting), how many commands did not go out (refused), and how often the \
                 instruments were made safe (safes); of voices: who talks (talking), how loud all \
                 of them are together in dBFS (talk-level), and of each (talkers) packets, those \
                 lost, late and recovered by FEC, samples played and concealed, jitter, delay and \
                 the delay aimed at in ms, and level in dBFS",
            )
            .read_only()
            .build(),
    ]
}
