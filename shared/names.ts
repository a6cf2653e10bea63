/** Names that people chose: untrusted text, shown to others. */

export const MAX_NAME_LENGTH = 64;
/** Control, format (bidi included), surrogate, private and unassigned characters, and line separators. */
const UNSHOWABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** Removes what could forge a terminal line or reverse its reading, and cuts to {@link MAX_NAME_LENGTH}. */
export function cleanName(name: string): string {
  return name.replace(UNSHOWABLE, '').replace(/\s+/gu, ' ').trim().slice(0, MAX_NAME_LENGTH);
}
