//! Action signals: the ways in for a program.

use std::time::Duration;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::Periscope;
use super::reply::{OnDescription, OnTaken};
use crate::peer::SignalingError;
use crate::signaling::code::{Rights, ShortAnswer};
use crate::signaling::description::Kind;
use crate::signaling::paste;

pub(super) fn signals() -> Vec<glib::subclass::Signal> {
    vec![
        // Makes an offer. The promise is replied with a structure that has `peer` (uint)
        // and `offer` (string, base64 of {"type","sdp"}) and `sdp` (string), or `error`.
        glib::subclass::Signal::builder("create-offer")
            .param_types([gst::Promise::static_type()])
            .action()
            .class_handler(|args| {
                let (element, promise) = element_and_promise(args, 1)?;
                match element.imp().bench() {
                    Some(bench) => bench.make_offer(reply_with_description(promise)),
                    None => fail(&promise, &not_running()),
                }
                None
            })
            .build(),
        // Takes the answer to an offer, in any form in which it can be pasted. The promise
        // is replied with `peer`, or `error`.
        glib::subclass::Signal::builder("accept-answer")
            .param_types([String::static_type(), gst::Promise::static_type()])
            .action()
            .class_handler(|args| {
                let (element, promise) = element_and_promise(args, 2)?;
                let text = args.get(1)?.get::<String>().unwrap_or_default();
                let Some(bench) = element.imp().bench() else {
                    fail(&promise, &not_running());
                    return None;
                };
                if let Some(answer) = ShortAnswer::read(&text) {
                    bench.take_short_answer(&answer, reply_with_peer(promise));
                    return None;
                }
                match read(&text, Kind::Answer) {
                    Ok(answer) => bench.take_answer(answer, reply_with_peer(promise)),
                    Err(error) => fail(&promise, &error),
                }
                None
            })
            .build(),
        // Answers an offer, in any form in which it can be pasted. The promise is replied
        // with `peer`, `answer` and `sdp`, or `error`.
        glib::subclass::Signal::builder("accept-offer")
            .param_types([String::static_type(), gst::Promise::static_type()])
            .action()
            .class_handler(|args| {
                let (element, promise) = element_and_promise(args, 2)?;
                let text = args.get(1)?.get::<String>().unwrap_or_default();
                let Some(bench) = element.imp().bench() else {
                    fail(&promise, &not_running());
                    return None;
                };
                match read(&text, Kind::Offer) {
                    Ok(offer) => bench.take_offer(offer, reply_with_description(promise)),
                    Err(error) => fail(&promise, &error),
                }
                None
            })
            .build(),
        // Gives a code: its rights (“view” or “control”), whether it is for one visit, and how
        // many seconds it is valid (0: until it is revoked). None if there are no codes (full
        // ICE, not running), with the reason as a warning on the bus.
        glib::subclass::Signal::builder("make-code")
            .param_types([
                String::static_type(),
                bool::static_type(),
                u32::static_type(),
            ])
            .return_type::<Option<String>>()
            .action()
            .class_handler(|args| {
                let element = args.first()?.get::<Periscope>().ok()?;
                let rights = args.get(1)?.get::<String>().unwrap_or_default();
                let once = args.get(2)?.get::<bool>().ok()?;
                let seconds = args.get(3)?.get::<u32>().ok()?;
                Some(make_code(&element, &rights, once, seconds).to_value())
            })
            .build(),
        // Ends codes, given by id, by the whole text, or as “all”, and the visits of those who
        // came by them. How many codes it were.
        glib::subclass::Signal::builder("revoke-code")
            .param_types([String::static_type()])
            .return_type::<u32>()
            .action()
            .class_handler(|args| {
                let element = args.first()?.get::<Periscope>().ok()?;
                let what = args.get(1)?.get::<String>().unwrap_or_default();
                let revoked = element
                    .imp()
                    .bench()
                    .and_then(|bench| bench.revoke_code(&what).ok())
                    .map_or(0, |codes| codes.len());
                Some(u32::try_from(revoked).unwrap_or(u32::MAX).to_value())
            })
            .build(),
        // Ends a peer; false if there is none of that number.
        glib::subclass::Signal::builder("drop-peer")
            .param_types([u32::static_type()])
            .return_type::<bool>()
            .action()
            .class_handler(|args| {
                let element = args.first()?.get::<Periscope>().ok()?;
                let id = args.get(1)?.get::<u32>().ok()?;
                let dropped = element
                    .imp()
                    .bench()
                    .is_some_and(|bench| bench.peers.drop_peer(id, "ended at the bench"));
                Some(dropped.to_value())
            })
            .build(),
        // Takes control away from whoever has it and has the instruments made safe; false if
        // nobody has it.
        glib::subclass::Signal::builder("release-control")
            .return_type::<bool>()
            .action()
            .class_handler(|args| {
                let element = args.first()?.get::<Periscope>().ok()?;
                let released = element
                    .imp()
                    .bench()
                    .is_some_and(|bench| bench.release_control());
                Some(released.to_value())
            })
            .build(),
        // State and statistics of all peers: a structure with the field `peers`, an array
        // of structures with id, state, messages-sent, messages-dropped, commands,
        // commands-refused, control (none, waiting or holder), streams and, once connected, webrtc
        // (webrtcbin's own statistics). Of a viewer whose browser reports what reaches it: estimate
        // (bit/s that its network takes), congestion (increasing, holding or decreasing), queue (ms
        // that packets wait on their way) and loss (0 to 1); and of each of its video streams:
        // encoding (main or small) and whether pictures are left out (thinned).
        glib::subclass::Signal::builder("list-peers")
            .return_type::<gst::Structure>()
            .action()
            .class_handler(|args| {
                let element = args.first()?.get::<Periscope>().ok()?;
                Some(element.imp().statistics().to_value())
            })
            .build(),
    ]
}

fn make_code(element: &Periscope, rights: &str, once: bool, seconds: u32) -> Option<String> {
    let bench = element.imp().bench()?;
    let lifetime = (seconds > 0).then(|| Duration::from_secs(seconds.into()));
    let made = rights
        .parse::<Rights>()
        .map_err(anyhow::Error::from)
        .and_then(|rights| bench.make_code(rights, once, lifetime));
    match made {
        Ok(issued) => Some(issued.text),
        Err(error) => {
            bench.messenger.warn(&format!("make-code: {error:#}"));
            None
        }
    }
}

fn element_and_promise(
    args: &[glib::Value],
    position: usize,
) -> Option<(Periscope, Option<gst::Promise>)> {
    let element = args.first()?.get::<Periscope>().ok()?;
    let promise = args
        .get(position)?
        .get::<Option<gst::Promise>>()
        .ok()
        .flatten();
    Some((element, promise))
}

fn read(
    text: &str,
    wanted: Kind,
) -> Result<crate::signaling::description::Description, SignalingError> {
    let description = paste::read_description(text)
        .map_err(|error| SignalingError::BadDescription(error.to_string()))?;
    if description.kind != wanted {
        return Err(SignalingError::BadDescription(format!(
            "this is an {}, not an {wanted}",
            description.kind
        )));
    }
    Ok(description)
}

fn not_running() -> SignalingError {
    SignalingError::Failed("the element is not PAUSED or PLAYING".into())
}

fn reply_with_description(promise: Option<gst::Promise>) -> OnDescription {
    Box::new(move |result| match result {
        Ok((peer, description)) => reply(
            &promise,
            gst::Structure::builder("periscope-reply")
                .field("peer", peer)
                .field(description.kind.as_str(), description.to_base64())
                .field("sdp", description.sdp)
                .build(),
        ),
        Err(error) => fail(&promise, &error),
    })
}

fn reply_with_peer(promise: Option<gst::Promise>) -> OnTaken {
    Box::new(move |result| match result {
        Ok(peer) => reply(
            &promise,
            gst::Structure::builder("periscope-reply")
                .field("peer", peer)
                .build(),
        ),
        Err(error) => fail(&promise, &error),
    })
}

fn fail(promise: &Option<gst::Promise>, error: &SignalingError) {
    let error = glib::Error::new(gst::ResourceError::Failed, &error.to_string());
    reply(
        promise,
        gst::Structure::builder("periscope-reply")
            .field("error", error)
            .build(),
    );
}

fn reply(promise: &Option<gst::Promise>, structure: gst::Structure) {
    if let Some(promise) = promise {
        promise.reply(Some(structure));
    }
}
