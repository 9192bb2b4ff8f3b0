//! A webrtcbin for each viewer behind a tee, as examples show it.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use gst::prelude::*;
use gst_webrtc::{WebRTCDataChannel, WebRTCSessionDescription};
use periscope_versus::{Word, say};

pub(crate) struct Plain {
    pipeline: gst::Pipeline,
    /// What each viewer gets: video, and sound if there is any.
    tees: Vec<gst::Element>,
    viewers: Mutex<HashMap<u32, gst::Element>>,
    /// Label of a data channel on which each viewer gets back what it sends.
    echo: Option<String>,
}

impl Plain {
    pub(crate) fn new(pipeline: &gst::Pipeline, out: gst::Element) -> Self {
        Self {
            pipeline: pipeline.clone(),
            tees: [Some(out), pipeline.by_name("sound")]
                .into_iter()
                .flatten()
                .collect(),
            viewers: Mutex::default(),
            echo: std::env::var("VERSUS_ECHO").ok(),
        }
    }

    /// Adds a webrtcbin for a viewer; it offers as soon as it knows what comes.
    pub(crate) fn join(&self, viewer: u32) -> anyhow::Result<()> {
        let rtc = gst::ElementFactory::make("webrtcbin")
            .property_from_str("bundle-policy", "max-bundle")
            .build()?;
        super::stay_at_home(&rtc);
        self.pipeline.add(&rtc)?;
        rtc.connect("on-ice-candidate", false, move |values| {
            let line = values.get(1)?.get().ok()?;
            let candidate = values.get(2)?.get().ok()?;
            say(&Word::Candidate {
                viewer,
                line,
                candidate,
            });
            None
        });
        let (label, has_offered) = (self.echo.clone(), AtomicBool::new(false));
        rtc.connect("on-negotiation-needed", false, move |values| {
            let rtc = values.first()?.get::<gst::Element>().ok()?;
            // The channel would have it ask for another offer.
            if !has_offered.swap(true, Ordering::Relaxed) {
                if let Some(label) = &label {
                    echo(&rtc, label).ok()?;
                }
                offer(&rtc, viewer);
            }
            None
        });

        // webrtcbin takes nothing before it is connected, and the tee must not wait for that.
        let mut queues = Vec::new();
        for (number, _) in self.tees.iter().enumerate() {
            let queue = gst::ElementFactory::make("queue")
                .property_from_str("leaky", "downstream")
                .build()?;
            self.pipeline.add(&queue)?;
            let pad = rtc
                .request_pad_simple(&format!("sink_{number}"))
                .context("webrtcbin gives no pad")?;
            queue.static_pad("src").context("no pad")?.link(&pad)?;
            queues.push(queue);
        }
        rtc.sync_state_with_parent()?;
        for (tee, queue) in self.tees.iter().zip(&queues) {
            queue.sync_state_with_parent()?;
            tee.link(queue)?;
        }
        if let Ok(mut viewers) = self.viewers.lock() {
            viewers.insert(viewer, rtc);
        }
        Ok(())
    }

    /// What the viewer says to the offer.
    pub(crate) fn answer(&self, viewer: u32, sdp: &str) -> anyhow::Result<()> {
        let answer = super::answer(sdp)?;
        let rtc = self
            .viewers
            .lock()
            .ok()
            .and_then(|viewers| viewers.get(&viewer).cloned())
            .context("who is that?")?;
        rtc.emit_by_name::<()>("set-remote-description", &[&answer, &None::<gst::Promise>]);
        Ok(())
    }
}

fn echo(rtc: &gst::Element, label: &str) -> anyhow::Result<()> {
    let channel = rtc
        .emit_by_name::<Option<WebRTCDataChannel>>(
            "create-data-channel",
            &[&label, &None::<gst::Structure>],
        )
        .context("webrtcbin makes no data channel")?;
    channel.connect_on_message_string(|channel, text| {
        // A viewer that has left wants nothing back.
        let _ = channel.send_string_full(text);
    });
    Ok(())
}

fn offer(rtc: &gst::Element, viewer: u32) {
    let webrtcbin = rtc.clone();
    let made = gst::Promise::with_change_func(move |reply| {
        let offer = reply
            .ok()
            .flatten()
            .and_then(|reply| reply.get::<WebRTCSessionDescription>("offer").ok());
        let Some((offer, sdp)) = offer.and_then(|offer| {
            let sdp = offer.sdp().as_text().ok()?;
            Some((offer, sdp))
        }) else {
            return say(&Word::Failed {
                viewer: Some(viewer),
                why: "webrtcbin made no offer".into(),
            });
        };
        // First the offer, then the candidates that belong to it.
        say(&Word::Offer { viewer, sdp });
        webrtcbin.emit_by_name::<()>("set-local-description", &[&offer, &None::<gst::Promise>]);
    });
    rtc.emit_by_name::<()>("create-offer", &[&None::<gst::Structure>, &made]);
}
