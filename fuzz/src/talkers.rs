//! Anything that can come from pages that talk, and what the bench does meanwhile.

use std::time::Duration;

use arbitrary::Arbitrary;

use crate::voice::mixer::{Mixer, MixerSettings};

const PAYLOAD_TYPE: u8 = 111;

/// What happens.
#[derive(Debug, Arbitrary)]
pub enum Act<'a> {
    /// Anything, from one of two.
    Bytes(bool, &'a [u8]),
    /// An RTP packet of the right form.
    Packet {
        /// From which of the two.
        talker: bool,
        /// Its source, one of four.
        ssrc: u8,
        /// How far its number is from the last.
        steps: i8,
        /// How far its timestamp is from the last, in units of 2.5 ms.
        moved: i8,
        /// Whether it jumps instead, and where to.
        jump: Option<(u16, u32)>,
        /// What it holds.
        opus: &'a [u8],
    },
    /// So many blocks are fetched, each this many milliseconds after the one before.
    Mix(u8, u8),
    /// So many milliseconds pass.
    Pass(u16),
    /// A talker comes, or begins anew.
    Enter(bool),
    /// A talker goes.
    Leave(bool),
    /// A talker is heard, or not.
    Heard(bool, bool),
}

/// Plays it through.
pub fn talk(acts: &[Act<'_>]) {
    let mut mixer = Mixer::new(MixerSettings::default());
    let mut now = Duration::ZERO;
    let (mut sequence, mut timestamp) = (0_u16, 0_u32);
    for act in acts {
        match act {
            Act::Bytes(talker, bytes) => mixer.packet((*talker).into(), bytes, now),
            Act::Packet {
                talker,
                ssrc,
                steps,
                moved,
                jump,
                opus,
            } => {
                sequence = sequence.wrapping_add_signed((*steps).into());
                timestamp = timestamp.wrapping_add_signed(i32::from(*moved) * 120);
                if let Some(jump) = jump {
                    (sequence, timestamp) = *jump;
                }
                let mut rtp = vec![0x80, PAYLOAD_TYPE];
                rtp.extend(sequence.to_be_bytes());
                rtp.extend(timestamp.to_be_bytes());
                rtp.extend(u32::from(ssrc & 3).to_be_bytes());
                rtp.extend(*opus);
                mixer.packet((*talker).into(), &rtp, now);
            }
            Act::Mix(blocks, apart) => {
                for _ in 0..*blocks {
                    now += Duration::from_millis((*apart).into());
                    let mut out = [0.0; 960];
                    mixer.mix(now, &mut out);
                    assert!(out.iter().all(|sample| sample.abs() <= 0.8913));
                }
            }
            Act::Pass(milliseconds) => now += Duration::from_millis((*milliseconds).into()),
            Act::Enter(talker) => {
                let _ = mixer.enter((*talker).into(), PAYLOAD_TYPE);
            }
            Act::Leave(talker) => mixer.leave((*talker).into()),
            Act::Heard(talker, heard) => mixer.set_heard((*talker).into(), *heard),
        }
        for talker in [0, 1] {
            if let Some(known) = mixer.statistics(talker) {
                assert!(known.level.is_finite());
                assert!(known.late <= known.packets + known.lost);
            }
        }
    }
}
