/**
 * Which messages the log shows. Pure.
 */

export type Test = (text: string) => boolean;

export type Filter = { kind: 'all' } | { kind: 'some'; test: Test } | { kind: 'broken'; why: string };

/** Plain text, in capitals or not; or a regular expression between slashes: `/^FA/`, `/volt/i`. */
export function readFilter(typed: string): Filter {
  if (typed === '') return { kind: 'all' };
  const pattern = /^\/(.+)\/([imsu]*)$/s.exec(typed);
  if (pattern === null) {
    const wanted = typed.toLowerCase();
    return { kind: 'some', test: (text) => text.toLowerCase().includes(wanted) };
  }
  try {
    const expression = new RegExp(pattern[1]!, pattern[2]);
    return { kind: 'some', test: (text) => expression.test(text) };
  } catch (error) {
    const detail = error instanceof Error ? error.message.replace(/^.*: /, '') : '';
    return { kind: 'broken', why: `This is no regular expression${detail === '' ? '' : `: ${detail}`}. All messages are shown.` };
  }
}
