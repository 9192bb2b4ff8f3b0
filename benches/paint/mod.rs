//! Paints the time into pictures, where a page can read it back.
//!
//! 32 squares along the top edge of an I420 picture are the bits, highest first, of the
//! time in units of 100 µs since 1970, modulo 2³².

use std::time::{SystemTime, UNIX_EPOCH};

use gst::prelude::*;

/// Side of a square in pixels: encoders keep such areas whole at any bitrate.
const SQUARE: usize = 16;
const BITS: usize = 32;
/// Luma of the bits 0 and 1, video range.
const LEVELS: [u8; 2] = [16, 235];

/// From now on each picture that leaves `pad` carries the time at which it left.
pub(crate) fn paint_times(pad: &gst::Pad) {
    pad.add_probe(gst::PadProbeType::BUFFER, |pad, info| {
        let width = pad
            .current_caps()
            .and_then(|caps| caps.structure(0)?.get::<i32>("width").ok());
        if let (Some(width), Some(gst::PadProbeData::Buffer(buffer))) = (width, &mut info.data) {
            paint(buffer.make_mut(), width.unsigned_abs() as usize);
        }
        gst::PadProbeReturn::Ok
    });
}

fn paint(buffer: &mut gst::BufferRef, width: usize) {
    // I420 rows of such widths have no padding: GStreamer rounds up to 4 bytes.
    let stride = width.next_multiple_of(4);
    let Ok(since) = SystemTime::now().duration_since(UNIX_EPOCH) else {
        return;
    };
    let units = (since.as_micros() / 100) as u32;
    let Ok(mut map) = buffer.map_writable() else {
        return;
    };
    for row in map.chunks_exact_mut(stride).take(SQUARE) {
        for bit in 0..BITS {
            let level = LEVELS[(units >> (BITS - 1 - bit) & 1) as usize];
            row[bit * SQUARE..(bit + 1) * SQUARE].fill(level);
        }
    }
}
