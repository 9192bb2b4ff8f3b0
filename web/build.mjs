// Builds dist/periscope.html: one file that needs nothing else, whether it is opened from disk or served.
//   node build.mjs           writes it
//   node build.mjs --check   builds it and says whether the committed file is the same
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, transform } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
/** A page that a small computer hands to a phone is small: what makes it larger than this has to be worth it. */
const MOST = 292_000;
const target = join(here, 'dist', 'periscope.html');
const read = (name) => readFileSync(join(here, name), 'utf8');

async function script() {
  const result = await build({
    entryPoints: [join(here, 'src', 'main.ts')],
    bundle: true,
    write: false,
    minify: true,
    charset: 'utf8',
    // A classic script: modules do not load from file://.
    format: 'iife',
    target: 'es2021',
    legalComments: 'none',
    define: { PERISCOPE_VERSION: JSON.stringify(JSON.parse(read('package.json')).version) },
  });
  return result.outputFiles[0].text.trim();
}

async function style() {
  const sheets = ['src/style.css', 'src/instruments.css', 'src/talk.css'];
  const result = await transform(sheets.map(read).join('\n'), {
    loader: 'css',
    minify: true,
    charset: 'utf8',
    target: ['chrome100', 'firefox102', 'safari15'],
  });
  return result.code.trim();
}

/** The template's comments are for its readers; the page does without them, and without the indentation. */
function squeeze(html) {
  return html.replace(/<!--(?!\[)[\s\S]*?-->/g, '').split('\n').map((line) => line.trim()).filter(Boolean).join('\n') + '\n';
}

async function page() {
  const parts = { '/*STYLE*/': await style(), '/*SCRIPT*/': await script() };
  let html = squeeze(read('src/index.html'));
  for (const [mark, text] of Object.entries(parts)) {
    if (html.split(mark).length !== 2) throw new Error(`src/index.html must hold ${mark} exactly once`);
    if (/<\/(script|style)|<!--/i.test(text)) throw new Error(`what replaces ${mark} would end its element early`);
    html = html.replace(mark, () => text);
  }
  // What the server's Content-Security-Policy relies on: one script and one style, both hashed, and nothing inline besides.
  const count = (pattern) => (html.match(pattern) ?? []).length;
  const markup = html.replace(parts['/*SCRIPT*/'], '').replace(parts['/*STYLE*/'], '');
  if (count(/<script/g) !== 1 || count(/<style/g) !== 1) throw new Error('one script and one style, no more');
  if (/\sstyle=|\son[a-z]+=|(src|href)="(?!data:)/i.test(markup)) throw new Error('inline style, inline handler or outside request');
  const size = Buffer.byteLength(html);
  if (size > MOST) throw new Error(`the page has ${size} bytes, and may have ${MOST}`);
  return html;
}

const html = await page();
const digest = createHash('sha256').update(html).digest('hex').slice(0, 16);
if (process.argv.includes('--check')) {
  let committed = '';
  try {
    committed = readFileSync(target, 'utf8');
  } catch {
    // A missing file is a stale one.
  }
  if (committed !== html) {
    console.error('dist/periscope.html is not what src/ builds: run `npm run build` and commit the result.');
    process.exit(1);
  }
  console.log(`dist/periscope.html is up to date (${html.length} characters, ${digest})`);
} else {
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, html);
  console.log(`dist/periscope.html: ${html.length} characters, ${digest}`);
}
