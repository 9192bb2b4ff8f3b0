/**
 * Puts the parts of the page together.
 */

import { App } from './app';
import type { Connection } from './connection';
import { keyOf } from './description';
import { element } from './dom';
import type { Face } from './face';
import { InstrumentsRoom } from './instruments/room';
import { ConnectPanel } from './panel';
import { Player } from './player';
import { Scanner } from './scan';
import { Share } from './share';
import { Sound } from './sound';
import { Status } from './status';
import { StatsLine } from './statsline';
import { TalkRoom } from './talk/room';
import { Trim } from './trim';
import { Watch } from './watch';

declare const PERISCOPE_VERSION: string;

const status = new Status();
const player = new Player();
const sound: Sound = new Sound((streams, isHeard) => talk.streams(streams, isHeard));
const talk = new TalkRoom(sound);
const instruments = new InstrumentsRoom();
const stats = new StatsLine(player);
const stage = element('stage');
const panel = new ConnectPanel((text) => void app.take(text), () => app.panelOpened());

const share = new Share();

const face: Face = {
  status,
  showOutgoing: (outgoing) => panel.showOutgoing(outgoing),
  leadToOutgoing: () => panel.leadToOutgoing(),
  showLink(shared) {
    share.offer(shared);
    talk.showLink(shared?.link ?? null);
  },
  clearInput: () => panel.clearInput(),
  data: (label, messages) => instruments.add(label, messages),
  verdict: (verdict) => instruments.verdict(verdict),
  anew: () => instruments.anew(),
  stageText: (text) => player.say(text),
  showStage(shown) {
    panel.fold(shown);
    stage.hidden = !shown;
    if (!shown) player.clear();
  },
  showMedia,
};

function showMedia(connection: Connection | null): void {
  const media = connection?.media ?? [];
  const { streams, channels } = connection?.welcome ?? { streams: [], channels: [] };
  sound.show(connection === null ? null : media);
  stats.watch(connection);
  instruments.show(connection);
  talk.show(connection);
  if (connection === null) {
    player.freeze();
    return;
  }
  player.show(media, streams);
  const { welcome } = connection;
  const expected = [...streams, ...media].map((one) => one.kind);
  if (expected.includes('video') || welcome === null) player.say('Waiting for the picture …');
  else player.say(expected.includes('audio') ? 'Sound only' : 'The bench sends neither picture nor sound.');
  // A bench of instruments alone needs no stage.
  stage.hidden = welcome !== null && expected.length === 0 && channels.length > 0;
}

const app = new App(face);
new Scanner((text) => app.takeScanned(text));
new Watch(() => app.current, () => app.refreshConnection());
new Trim(() => app.current);

document.addEventListener('keydown', (event) => {
  const typing = event.target instanceof Element && event.target.matches('input, textarea, select');
  if (typing || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.key === 'f' || event.key === 'F') player.toggleFullscreen();
  else if (event.key === 'm' || event.key === 'M') sound.toggle();
  else if (event.key === '?') {
    const help = element<HTMLDetailsElement>('help');
    help.open = !help.open;
    if (help.open) help.scrollIntoView({ block: 'nearest' });
  } else return;
  event.preventDefault();
});

addEventListener('pagehide', () => app.leave());
// A page that the browser kept while the person was elsewhere has said good-bye to its bench.
addEventListener('pageshow', (event) => {
  if (event.persisted && !app.comeBack()) location.reload();
});
addEventListener('hashchange', () => {
  if (keyOf(location.hash) !== '') app.start(location);
});
addEventListener('online', () => app.hurry());
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') app.hurry();
});

element('version').textContent = `Periscope ${PERISCOPE_VERSION}`;

// For tests and scripts: to look at, not to steer.
Object.defineProperty(window, 'periscope', {
  value: Object.freeze({
    version: PERISCOPE_VERSION,
    state: () => status.state,
    peerConnection: () => app.peerConnection(),
    audio: () => talk.report,
  }),
});

app.start(location);
