//! How a webrtcbin is stopped so that nothing of it goes on.

use gst::prelude::*;

/// What webrtcbin calls the bins in which packets arrive.
const RECEIVING_BIN: &str = "transportreceivebin";

/// Stops `pipeline`, in which `webrtcbin` is. To be called from none of its threads.
pub(super) fn stop(pipeline: &gst::Pipeline, webrtcbin: &gst::Bin) {
    stop_receiving(webrtcbin);
    let _ = pipeline.set_state(gst::State::Null);
    stop_again(webrtcbin);
}

/// Ends the threads that bring what arrives.
///
/// `sctpdec` is stopped before them otherwise, as what stands further down the stream. If the
/// first message of a channel comes when it has stopped the tasks of its pads, one more pad
/// is made, whose task nobody stops; it crashes when the element is gone (1.22.0).
fn stop_receiving(webrtcbin: &gst::Bin) {
    for child in webrtcbin.children() {
        if child.name().starts_with(RECEIVING_BIN) {
            // Or its parent would start it once more.
            child.set_locked_state(true);
            let _ = child.set_state(gst::State::Null);
        }
    }
}

/// Stops what still runs in a webrtcbin that has been stopped.
///
/// webrtcbin 1.22.0 starts its SCTP elements from a thread of its own when DTLS is up,
/// which may be while it is being stopped. And `sctpenc` starts the task of its source
/// pad even if going to PAUSED fails, and then never ends it: the task waits for data for
/// ever, and whoever disposes of the element waits for the task.
fn stop_again(webrtcbin: &gst::Bin) {
    let mut elements = Vec::new();
    let mut all = webrtcbin.iterate_recurse();
    while let Ok(Some(element)) = all.next() {
        elements.push(element);
    }
    for element in elements {
        if element.current_state() > gst::State::Null {
            let _ = element.set_state(gst::State::Null);
        }
        let Some(pad) = element.static_pad("src") else {
            continue;
        };
        if pad.task_state() != gst::TaskState::Stopped {
            gst::debug!(crate::CAT, "{} is stopped once more", element.name());
            // A pad that is not active takes no flush, which is what wakes the task.
            let _ = pad.set_active(true);
            pad.send_event(gst::event::FlushStart::new());
            let _ = pad.stop_task();
            let _ = pad.set_active(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Mutex, mpsc};
    use std::time::Duration;

    use crate::media::Timing;
    use crate::peer::channels::ChannelOptions;
    use crate::peer::inbox::{self, Event, Inbox, Outbox};
    use crate::peer::rtc::{Network, Rtc};

    const LIMIT: Duration = Duration::from_secs(10);

    #[test]
    fn an_sctp_encoder_that_failed_to_start_can_be_disposed_of() {
        gst::init().expect("GStreamer");
        let make = |factory: &str, port: &str| {
            gst::ElementFactory::make(factory)
                .property("sctp-association-id", 4711_u32)
                .property(port, 5000_u32)
                .build()
                .expect("an SCTP element")
        };
        let decoder = make("sctpdec", "local-sctp-port");
        let first = make("sctpenc", "remote-sctp-port");
        for element in [&decoder, &first] {
            element.set_state(gst::State::Paused).expect("starts");
        }
        // The association is in use: this one fails, and leaves its task behind.
        let second = make("sctpenc", "remote-sctp-port");
        assert!(second.set_state(gst::State::Paused).is_err());
        let _ = second.set_state(gst::State::Null);

        let bin = gst::Bin::new();
        bin.add(&second).expect("added");
        drop(second);
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            stop_again(&bin);
            drop(bin);
            let _ = tell.send(());
        });
        let ended = told.recv_timeout(LIMIT).is_ok();
        for element in [&decoder, &first] {
            let _ = element.set_state(gst::State::Null);
        }
        assert!(ended, "the element can be disposed of");
    }

    #[test]
    fn a_channel_whose_first_message_comes_while_its_peer_ends_leaves_no_task_behind() {
        gst::init().expect("GStreamer");
        let (their_events, their_inbox) = inbox::channel();
        let theirs = rtc(&their_events);
        let open = |label| {
            let options = ChannelOptions::default();
            let channel = theirs.create_channel(label, None, "", options, &their_events);
            channel.expect("a channel")
        };
        let _first = open("first");
        theirs.offer().expect("an offer");
        let offer = gathered(&theirs, &their_inbox);

        let (our_events, our_inbox) = inbox::channel();
        let ours = rtc(&our_events);
        let (tell, decoder) = mpsc::channel();
        ours.pipeline()
            .connect_deep_element_added(move |_, _, element| {
                if element
                    .factory()
                    .is_some_and(|made| made.name() == "sctpdec")
                {
                    let _ = tell.send(element.clone());
                }
            });
        ours.answer(&offer).expect("an answer");
        let answer = gathered(&ours, &our_inbox);
        theirs.set_remote_answer(&answer).expect("taken");
        let decoder = decoder.recv_timeout(LIMIT).expect("an SCTP decoder");
        wait_for(&our_inbox, |event| {
            matches!(event, Event::ChannelOffered { .. })
        });

        // The next channel's first message comes when the pads of the decoder have been stopped;
        // if that does not happen, a while later.
        let (remove, removed) = mpsc::channel();
        decoder.connect_pad_removed(move |_, _| {
            let _ = remove.send(());
        });
        let (come, has_come) = mpsc::channel();
        let sink = decoder.static_pad("sink").expect("a pad");
        let removed = Mutex::new(removed);
        sink.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            let packet = info.buffer().and_then(|buffer| buffer.map_readable().ok());
            let opens =
                packet.is_some_and(|packet| packet.windows(6).any(|label| label == b"second"));
            if opens && let Ok(removed) = removed.lock() {
                let _ = come.send(());
                let _ = removed.recv_timeout(Duration::from_millis(300));
            }
            gst::PadProbeReturn::Ok
        });
        let _second = open("second");
        has_come.recv_timeout(LIMIT).expect("a message");
        drop(ours);
        let pads = decoder.src_pads();
        let running = pads
            .iter()
            .filter(|pad| pad.task_state() != gst::TaskState::Stopped);
        assert_eq!(running.count(), 0);
    }

    fn rtc(events: &Outbox) -> Rtc {
        let network = Network {
            chosen: vec![std::net::Ipv4Addr::LOCALHOST.into()],
            ..Network::default()
        };
        Rtc::new(1, &network, None, None, &Timing::default(), events).expect("webrtcbin")
    }

    /// The description of a peer once it has its candidates.
    fn gathered(rtc: &Rtc, inbox: &Inbox) -> String {
        while !rtc.gathering_is_complete() {
            wait_for(inbox, |event| matches!(event, Event::StateChanged));
        }
        rtc.local_description().expect("a description")
    }

    fn wait_for(inbox: &Inbox, is_it: impl Fn(&Event) -> bool) {
        while !is_it(&inbox.receive(Some(LIMIT)).expect("an event")) {}
    }
}
