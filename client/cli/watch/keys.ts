/** Keys of `watch`. */

export type WatchAction =
  | 'continue'
  | 'over'
  | 'into'
  | 'out'
  | 'pause'
  | 'approve'
  | 'deny'
  | 'lease'
  | 'next-target'
  | 'frame-up'
  | 'frame-down'
  | 'suspend'
  | 'quit';

const KEYS: Readonly<Record<string, WatchAction>> = {
  c: 'continue',
  n: 'over',
  s: 'into',
  o: 'out',
  p: 'pause',
  a: 'approve',
  d: 'deny',
  l: 'lease',
  '\t': 'next-target',
  '\u001b[A': 'frame-up',
  k: 'frame-up',
  '\u001b[B': 'frame-down',
  j: 'frame-down',
  '\u001a': 'suspend',
  '\u0003': 'quit',
  '\u0004': 'quit',
  q: 'quit',
};

const ESCAPE = '\u001b';
const TOKEN = new RegExp(`${ESCAPE}\\[[0-9;]*[A-Za-z~]|[\\s\\S]`, 'g');

/** What the terminal sent, as actions; a paste or a fast hand sends several at once, unknown keys do nothing. */
export function keyActions(input: string): WatchAction[] {
  return (input.match(TOKEN) ?? []).flatMap((token) => {
    const action = Object.hasOwn(KEYS, token) ? KEYS[token] : undefined;
    return action === undefined ? [] : [action];
  });
}
