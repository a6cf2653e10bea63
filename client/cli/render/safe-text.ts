/**
 * Text from other machines and from programs, made safe for a terminal: escape sequences could rewrite the screen or
 * type into the shell, bidirectional marks could disguise code or a name.
 */

const UNSAFE = new RegExp(
  [
    '[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f]',
    '[\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]',
    '[\\u2028\\u2029\\ufeff]',
  ].join('|'),
  'g',
);
const ESCAPE = '\u001b';
const COLOUR = new RegExp(`${ESCAPE}\\[[0-9;]{0,40}m`, 'g');

/** Control and bidirectional characters become visible escapes; newlines and tabs stay. */
export function safeText(text: string): string {
  return text.replace(UNSAFE, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

/** As {@link safeText}, on one line: newlines and tabs become escapes too. */
export function safeLine(text: string): string {
  return safeText(text).replaceAll('\n', '\\n').replaceAll('\t', '\\t');
}

/** As {@link safeText}, but colour sequences stay (a reset is added) or, without colours, vanish. */
export function safeOutput(text: string, colours: boolean): string {
  const parts = text.split(COLOUR);
  if (parts.length === 1) return safeText(text);
  const sequences = colours ? (text.match(COLOUR) ?? []) : [];
  const joined = parts.map((part, index) => safeText(part) + (sequences[index] ?? '')).join('');
  return colours ? `${joined}\u001b[0m` : joined;
}
