/** Descriptions as the bench and the browsers write them, shortened. */
export const FINGERPRINT = 'sha-256 0A:1B:2C:3D:4E:5F:60:71:82:93:A4:B5:C6:D7:E8:F9:0A:1B:2C:3D:4E:5F:60:71:82:93:A4:B5:C6:D7:E8:F9';

export const OFFER = [
  'v=0',
  'o=- 4611731400430051336 2 IN IP4 127.0.0.1',
  's=-',
  't=0 0',
  'a=group:BUNDLE 0 video1.k3Zx audio2.k3Zx',
  'm=application 9 UDP/DTLS/SCTP webrtc-datachannel',
  'c=IN IP4 0.0.0.0',
  'a=mid:0',
  'a=ice-ufrag:aBcD',
  'a=ice-pwd:0123456789abcdefghijkl',
  `a=fingerprint:${FINGERPRINT}`,
  'a=setup:actpass',
  'a=candidate:1 1 UDP 2015363327 192.168.1.20 8080 typ host',
  'a=candidate:2 1 TCP 1015021823 192.168.1.20 9 typ host tcptype active',
  'a=end-of-candidates',
  'm=video 9 UDP/TLS/RTP/SAVPF 96',
  'a=mid:video1.k3Zx',
  'a=rtpmap:96 H264/90000',
  'a=extmap:1 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay',
  'a=candidate:1 1 UDP 2015363327 192.168.1.20 8080 typ host',
  'm=audio 9 UDP/TLS/RTP/SAVPF 97',
  'a=mid:audio2.k3Zx',
  'a=rtpmap:97 OPUS/48000/2',
  'a=fmtp:97 sprop-stereo=1;useinbandfec=1',
  '',
].join('\r\n');

export const ANSWER = OFFER.replace(/actpass/g, 'active').replace('t=0 0', 't=0 0\r\na=x-periscope-answer-to:QwEr');

/** A browser's own data-only offer, with what matters at the places where Firefox puts it. */
export const PAGE_OFFER = ['v=0', 'o=- 1 2 IN IP4 127.0.0.1', 's=-', 't=0 0', `a=fingerprint:${FINGERPRINT}`, 'm=application 9 UDP/DTLS/SCTP webrtc-datachannel', 'a=mid:7', 'a=setup:actpass', ''].join('\r\n');
