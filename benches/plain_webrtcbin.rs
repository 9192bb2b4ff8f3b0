//! What Periscope is measured against: webrtcbin in a pipeline made by hand.
//!
//! `plain-webrtcbin <pipeline description>`: the description is that of `gst-launch-1.0`.
//! Its webrtcbin `rtc` has one page at the other end: the offer is printed as one line of
//! base64 of `{"type","sdp"}`, the answer is read in the same form. The element `clock`, if
//! there is one, gets the time painted into each I420 picture that leaves it (see [`paint`]);
//! `clicks` and `ear` are microphone and loudspeaker (see [`sound`]). Ends with its standard
//! input.

mod paint;
mod sound;

use std::io::BufRead as _;
use std::sync::mpsc::{Sender, channel};

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gst::prelude::*;
use gst_webrtc::{WebRTCICEGatheringState, WebRTCSDPType, WebRTCSessionDescription};

use sound::signal::{Kind, Signal};

fn main() -> anyhow::Result<()> {
    gst::init()?;
    let description: Vec<String> = std::env::args().skip(1).collect();
    let pipeline = gst::parse::launch(&description.join(" "))?
        .downcast::<gst::Pipeline>()
        .map_err(|_| anyhow::anyhow!("the description is not a pipeline"))?;
    if let Some(clock) = pipeline.by_name("clock") {
        let pad = clock.static_pad("src").context("“clock” is no source")?;
        paint::paint_times(&pad);
    }
    sound::card::plug_in(&pipeline, Signal::new(Kind::Clicks, 0.0))?;
    sound::ear::listen(&pipeline, false)?;
    let rtc = pipeline
        .by_name("rtc")
        .context("the pipeline has no element “rtc”")?;

    let (needed, is_needed) = channel();
    rtc.connect("on-negotiation-needed", false, move |_| {
        let _ = needed.send(());
        None
    });
    let (gathered, is_gathered) = channel();
    rtc.connect_notify(Some("ice-gathering-state"), move |rtc, _| {
        if rtc.property::<WebRTCICEGatheringState>("ice-gathering-state")
            == WebRTCICEGatheringState::Complete
        {
            let _ = gathered.send(());
        }
    });
    pipeline.set_state(gst::State::Playing)?;
    is_needed.recv()?;

    let (offered, offer) = channel();
    rtc.emit_by_name::<()>(
        "create-offer",
        &[&None::<gst::Structure>, &reply_to(offered)],
    );
    let offer = offer
        .recv()?
        .and_then(|reply| reply.get::<WebRTCSessionDescription>("offer").ok())
        .context("webrtcbin made no offer")?;
    rtc.emit_by_name::<()>("set-local-description", &[&offer, &None::<gst::Promise>]);
    is_gathered.recv()?;
    let offer = rtc
        .property::<Option<WebRTCSessionDescription>>("local-description")
        .context("webrtcbin has no description")?;
    let offer = serde_json::json!({"type": "offer", "sdp": offer.sdp().as_text()?});
    println!("{}", STANDARD.encode(offer.to_string()));

    let mut lines = std::io::stdin().lock().lines();
    let answer = lines.next().context("no answer came")??;
    let answer: serde_json::Value = serde_json::from_slice(&STANDARD.decode(answer)?)?;
    let sdp = answer["sdp"].as_str().context("the answer has no SDP")?;
    let sdp = gst_sdp::SDPMessage::parse_buffer(sdp.as_bytes())?;
    let answer = WebRTCSessionDescription::new(WebRTCSDPType::Answer, sdp);
    rtc.emit_by_name::<()>("set-remote-description", &[&answer, &None::<gst::Promise>]);

    while lines.next().is_some() {}
    pipeline.set_state(gst::State::Null)?;
    Ok(())
}

fn reply_to(sender: Sender<Option<gst::Structure>>) -> gst::Promise {
    gst::Promise::with_change_func(move |reply| {
        let _ = sender.send(reply.ok().flatten().map(ToOwned::to_owned));
    })
}
