// @ts-check
/**
 * Periscope and its rivals, each as a process that shows the same source: `benches/versus`, program `sender`.
 *
 * The encoder of those that are fed encoded video is set as webrtcsink sets its own; Periscope's raw path has Periscope's
 * own settings. webrtcsink keeps its defaults (congestion control `gcc`, forward error correction, retransmission), but
 * for a bitrate that starts at what the others have and does not rise above it, and no STUN server.
 */

/** @typedef {'h264' | 'vp8'} Codec */
/**
 * `sweep`: the source is a 240th slower than `rate`, so that within 4 s each phase between it and a screen of 60 Hz comes
 * once. With the very rate of the screen the phase is chance, up to a picture's time, and stays what it is for a whole load.
 * `address`: of this machine, at which viewers find the sender.
 * @typedef {{width: number, height: number, rate: number, sweep: boolean, codec: Codec, kbit: number, sound: boolean, address: string}} Scene
 */
/** @typedef {'periscopeRaw' | 'periscopeEncoded' | 'periscopeThrough' | 'periscopeEcho' | 'webrtcsinkRaw' | 'webrtcsinkEncoded' | 'plain'} Way */

/** Moving rings fill the bitrate that the encoder is given; a ball would not. @param {Scene} scene */
const picture = ({ width, height, rate, sweep }) =>
  `videotestsrc name=clock is-live=true pattern=zone-plate kx2=20 ky2=20 kt=1 ! video/x-raw,format=I420,width=${width},height=${height},framerate=${sweep ? `${rate * 239}/240` : `${rate}/1`}`;

const SOUND = 'audiotestsrc is-live=true volume=0.1';

/** @param {Scene} scene */
const encoder = ({ codec, kbit }) =>
  codec === 'h264'
    ? `x264enc tune=zerolatency speed-preset=ultrafast threads=4 key-int-max=2560 b-adapt=false vbv-buf-capacity=120 bitrate=${kbit} ! video/x-h264,profile=constrained-baseline`
    : `vp8enc deadline=1 cpu-used=-16 keyframe-max-dist=2000 keyframe-mode=disabled end-usage=cbr buffer-initial-size=100 buffer-optimal-size=120 buffer-size=150 max-intra-bitrate=250 error-resilient=default lag-in-frames=0 target-bitrate=${kbit * 1000}`;

/** @type {Record<Codec, string>} */
const PAYLOADER = {
  h264: 'rtph264pay config-interval=-1 aggregate-mode=zero-latency ! application/x-rtp,media=video,encoding-name=H264,payload=96',
  vp8: 'rtpvp8pay picture-id-mode=15-bit ! application/x-rtp,media=video,encoding-name=VP8,payload=96',
};

/** @param {Scene} scene */
const periscope = ({ codec, kbit, address }) =>
  `periscope name=out console=off port=0 address=${address} identity=none mdns=false max-peers=200 video-codec=${codec} video-bitrate=${kbit}`;

/** @param {Scene} scene */
const webrtcsink = ({ codec, kbit }) =>
  `webrtcsink name=out video-caps=video/x-${codec} start-bitrate=${kbit * 1000} max-bitrate=${kbit * 1000}`;

/** @param {Scene} scene */
const sound = ({ sound: heard }) => (heard ? `${SOUND} ! out.` : '');

/** What each is called, and its pipeline. @type {Record<Way, {words: string, pipeline: (scene: Scene) => string}>} */
export const WAYS = {
  periscopeRaw: {
    words: 'Periscope, raw video',
    pipeline: (scene) => `${periscope(scene)} ${picture(scene)} ! out. ${sound(scene)}`,
  },
  webrtcsinkRaw: {
    words: 'webrtcsink, raw video',
    pipeline: (scene) => `${webrtcsink(scene)} ${picture(scene)} ! out. ${sound(scene)}`,
  },
  periscopeEncoded: {
    words: 'Periscope, encoded video',
    pipeline: (scene) => `${periscope(scene)} ${picture(scene)} ! ${encoder(scene)} ! out. ${sound(scene)}`,
  },
  // Where lips are kept in step all pictures go through webrtcbin, as all did once.
  periscopeThrough: {
    words: 'Periscope, through webrtcbin',
    pipeline: (scene) => `${periscope(scene)} sync=true ${picture(scene)} ! ${encoder(scene)} ! out. ${sound(scene)}`,
  },
  // What a page sends comes back to all of them.
  periscopeEcho: {
    words: 'Periscope',
    pipeline: (scene) => `${periscope(scene)} ${picture(scene)} ! out. out.data_src_0 ! fakesink name=heard sync=false async=false appsrc name=said is-live=true format=time do-timestamp=true caps=application/octet-stream ! out.data_0`,
  },
  webrtcsinkEncoded: {
    words: 'webrtcsink, encoded video',
    pipeline: (scene) => `${webrtcsink(scene)} ${picture(scene)} ! ${encoder(scene)} ! out. ${sound(scene)}`,
  },
  plain: {
    words: 'webrtcbin for each, encoded video',
    pipeline: (scene) =>
      `${picture(scene)} ! ${encoder(scene)} ! ${PAYLOADER[scene.codec]} ! tee name=out allow-not-linked=true ` +
      (scene.sound
        ? `${SOUND} ! audioconvert ! audioresample ! opusenc ! rtpopuspay ! application/x-rtp,media=audio,encoding-name=OPUS,payload=97 ! tee name=sound allow-not-linked=true`
        : ''),
  },
};

/** @param {Scene} scene */
export const words = ({ width, height, rate, codec, sound: heard }) =>
  `${width}×${height}, ${rate} pictures/s, ${codec === 'h264' ? 'H.264' : 'VP8'}${heard ? ', with sound' : ''}`;
