//! Cuts encoded pictures and sound into payloads of RTP packets, once for all viewers.
//!
//! GStreamer's payloaders know how (RFC 6184, RFC 7741, RFC 7587). One stands here by itself between
//! two pads: what goes in comes out in the same call, and there is no thread and no clock.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use gst::prelude::*;
use rtp_types::RtpPacket;

use super::frame::{Frame, Numbering};
use crate::media::codec::Codec;
use crate::media::elements;

/// Bytes of header and payload. Header extensions and the tag of SRTP come on top: with IPv6
/// below the 1280 bytes that every network carries.
const MTU: u32 = 1188;

/// Made for what one encoder gives.
pub(crate) struct Packetizer {
    codec: Codec,
    payloader: gst::Element,
    input: gst::Pad,
    output: gst::Pad,
    /// What comes out; a leaf among the locks.
    collected: Arc<Mutex<Vec<gst::Buffer>>>,
    caps: Option<gst::Caps>,
}

impl Packetizer {
    /// None for what is not in a codec that is sent.
    pub(crate) fn of(caps: &gst::CapsRef) -> Option<Self> {
        let codec = match caps.structure(0)?.name().as_str() {
            "video/x-h264" => Codec::H264,
            "video/x-vp8" => Codec::Vp8,
            "audio/x-opus" => Codec::Opus,
            _ => return None,
        };
        match Self::new(codec) {
            Ok(packetizer) => Some(packetizer),
            Err(error) => {
                gst::error!(crate::CAT, "{codec} cannot be cut into packets: {error:#}");
                None
            }
        }
    }

    fn new(codec: Codec) -> anyhow::Result<Self> {
        let (factory, settings) = codec.payloader();
        let payloader = elements::make(factory, settings)?;
        payloader.set_property("mtu", MTU);
        // Viewers have numbers of their own: these stay the same.
        payloader.set_property("timestamp-offset", 0_u32);

        let collected = Arc::new(Mutex::new(Vec::new()));
        let (one, list) = (collected.clone(), collected.clone());
        // Without a template that takes all the first caps would be the only ones.
        let any = |name, direction| {
            let caps = gst::Caps::new_any();
            gst::PadTemplate::new(name, direction, gst::PadPresence::Always, &caps)
        };
        let output = gst::Pad::builder_from_template(&any("packets", gst::PadDirection::Sink)?)
            .chain_function(move |_, _, buffer| {
                one.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(buffer);
                Ok(gst::FlowSuccess::Ok)
            })
            .chain_list_function(move |_, _, buffers| {
                list.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .extend(buffers.iter_owned());
                Ok(gst::FlowSuccess::Ok)
            })
            .event_function(|_, _, _| true)
            .build();
        let input =
            gst::Pad::builder_from_template(&any("frames", gst::PadDirection::Src)?).build();
        let checks = gst::PadLinkCheck::empty();
        let sink = payloader.static_pad("sink").context("no sink pad")?;
        let source = payloader.static_pad("src").context("no source pad")?;
        input.link_full(&sink, checks)?;
        source.link_full(&output, checks)?;
        output.set_active(true)?;
        input.set_active(true)?;
        payloader.set_state(gst::State::Playing)?;

        input.push_event(gst::event::StreamStart::new("frames"));
        Ok(Self {
            codec,
            payloader,
            input,
            output,
            collected,
            caps: None,
        })
    }

    /// Cuts one buffer. None if there is nothing in it that can be sent.
    pub(crate) fn cut(&mut self, sample: &gst::Sample) -> Option<Arc<Frame>> {
        let buffer = sample.buffer_owned()?;
        let segment = sample.segment()?.downcast_ref::<gst::ClockTime>()?;
        let running_time = segment.to_running_time(buffer.pts())?;
        let duration = buffer.duration();
        let is_key_frame = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
        if self.caps.as_deref() != sample.caps() {
            let caps = sample.caps_owned()?;
            self.input.push_event(gst::event::Caps::new(&caps));
            let times = gst::FormattedSegment::<gst::ClockTime>::new();
            self.input.push_event(gst::event::Segment::new(&times));
            self.caps = Some(caps);
        }
        let cut = self.input.push(buffer);
        let packets = std::mem::take(
            &mut *self
                .collected
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        if let Err(error) = cut {
            gst::debug!(crate::CAT, "a frame could not be cut: {error}");
            return None;
        }
        let bytes = packets.iter().map(|packet| packet.size()).sum();
        let numbering = match self.codec {
            Codec::Vp8 => Numbering::PictureId,
            Codec::H264 | Codec::Opus => Numbering::None,
        };
        let mut frame = Frame::new(self.ticks(running_time), numbering, bytes);
        frame.duration = duration.map_or(Duration::ZERO, Into::into);
        frame.is_key_frame = is_key_frame;
        for packet in packets {
            let bytes = packet.map_readable().ok()?;
            let packet = RtpPacket::parse(&bytes).ok()?;
            if !(self.codec == Codec::H264 && is_delimiter(packet.payload())) {
                frame.add(packet.payload(), packet.marker_bit());
            }
        }
        (frame.len() > 0).then(|| Arc::new(frame))
    }

    /// The RTP clock begins anew after 13 hours, that of sound after 24.
    fn ticks(&self, running_time: gst::ClockTime) -> u32 {
        let rate = u64::from(self.codec.clock_rate().unsigned_abs());
        let second = gst::ClockTime::SECOND.nseconds();
        let ticks = running_time
            .nseconds()
            .mul_div_round(rate, second)
            .unwrap_or_default();
        ticks as u32
    }
}

impl Drop for Packetizer {
    fn drop(&mut self) {
        let _ = self.payloader.set_state(gst::State::Null);
        let _ = self.input.set_active(false);
        let _ = self.output.set_active(false);
    }
}

/// An access unit delimiter (ITU-T H.264, section 7.4.1.2.3) alone in a packet: in RTP time
/// and marker say the same.
fn is_delimiter(payload: &[u8]) -> bool {
    payload.first().is_some_and(|unit| unit & 0x1f == 9)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an encoder makes of a moment of noise.
    fn encoded(width: u32, height: u32, encoder: &str) -> Vec<gst::Sample> {
        made(&format!(
            "videotestsrc pattern=snow num-buffers=3 ! video/x-raw,width={width},height={height},framerate=30/1 \
             ! {encoder}"
        ))
    }

    fn made(description: &str) -> Vec<gst::Sample> {
        gst::init().expect("GStreamer");
        let text = format!("{description} ! appsink name=sink sync=false");
        let pipeline = gst::parse::launch(&text).expect("a pipeline");
        pipeline.set_state(gst::State::Playing).expect("starts");
        let sink = pipeline
            .downcast_ref::<gst::Bin>()
            .and_then(|bin| bin.by_name("sink"))
            .and_then(|sink| sink.downcast::<gst_app::AppSink>().ok())
            .expect("an appsink");
        let samples = std::iter::from_fn(|| sink.pull_sample().ok()).collect();
        pipeline.set_state(gst::State::Null).expect("stops");
        samples
    }

    fn cut(samples: &[gst::Sample]) -> Vec<Arc<Frame>> {
        let caps = samples[0].caps_owned().expect("caps");
        let mut packetizer = Packetizer::of(&caps).expect("a codec that is sent");
        let frames = samples.iter().map(|sample| packetizer.cut(sample));
        frames.map(|frame| frame.expect("a frame")).collect()
    }

    #[test]
    fn each_picture_is_cut_into_packets_that_a_network_carries() {
        for encoder in [
            "x264enc tune=zerolatency speed-preset=ultrafast bitrate=4000 ! video/x-h264,stream-format=byte-stream,alignment=au",
            "vp8enc deadline=1 target-bitrate=4000000",
        ] {
            let samples = encoded(160, 120, encoder);
            assert_eq!(samples.len(), 3);
            let pictures = cut(&samples);
            for (sample, frame) in samples.iter().zip(&pictures) {
                let bytes: usize = frame.payloads().map(|(payload, _)| payload.len()).sum();
                let size = sample.buffer().map_or(0, |buffer| buffer.size());
                assert!(bytes > size * 9 / 10, "{encoder}: {bytes} of {size} bytes");
                assert!(frame.payloads().all(|(p, _)| p.len() <= MTU as usize - 12));
                let markers: Vec<bool> = frame.payloads().map(|(_, marker)| marker).collect();
                let (last, others) = markers.split_last().expect("packets");
                assert!(*last && !others.contains(&true), "{encoder}: {markers:?}");
            }
            assert!(pictures[0].len() > 1, "the first one is large");
            assert_eq!(pictures[1].time.wrapping_sub(pictures[0].time), 3_000);
            assert_eq!(pictures[2].time.wrapping_sub(pictures[1].time), 3_000);
        }
    }

    #[test]
    fn each_packet_of_sound_is_one_of_rtp_on_its_own_clock() {
        let samples = made("audiotestsrc num-buffers=10 ! opusenc frame-size=10");
        let frames = cut(&samples);
        for (sample, frame) in samples.iter().zip(&frames) {
            let buffer = sample.buffer().expect("a buffer");
            assert_eq!((frame.len(), frame.size()), (1, buffer.size()));
            assert_eq!(Some(frame.duration), buffer.duration().map(Into::into));
        }
        // RFC 7587, section 4.1: 48 kHz.
        let distance = frames[2].time.wrapping_sub(frames[1].time);
        assert_eq!(distance, 480);
    }

    #[test]
    fn no_packet_is_wasted_on_a_delimiter() {
        let encoder = |aud| {
            format!(
                "x264enc tune=zerolatency speed-preset=ultrafast aud={aud} \
                 ! video/x-h264,stream-format=byte-stream,alignment=au"
            )
        };
        let packets = |aud| -> Vec<usize> {
            let pictures = cut(&encoded(160, 120, &encoder(aud)));
            pictures.iter().map(|picture| picture.len()).collect()
        };
        assert_eq!(packets(true), packets(false));
    }

    #[test]
    fn pictures_may_change_their_size() {
        let [small, large] = [(160, 120), (640, 480)].map(|(width, height)| {
            encoded(width, height, "x264enc tune=zerolatency speed-preset=ultrafast ! video/x-h264,stream-format=byte-stream,alignment=au")
        });
        let caps = small[0].caps_owned().expect("caps");
        let mut packetizer = Packetizer::of(&caps).expect("a video codec");
        for sample in small.iter().chain(&large).chain(&small) {
            assert!(packetizer.cut(sample).is_some());
        }
    }

    #[test]
    fn what_is_not_encoded_is_not_cut() {
        gst::init().expect("GStreamer");
        let caps = gst::Caps::new_empty_simple("audio/x-raw");
        assert!(Packetizer::of(&caps).is_none());
    }
}
