/** What a probe took down, as people read it. */

import type { Breakpoint } from '#shared/model/breakpoint.ts';
import type { HitValue } from '#shared/model/hit.ts';
import { MAX_PREVIEW_LENGTH, renderPreview } from '../inspection/preview.ts';
import type { PreviewNode } from '../inspection-tool/answers.ts';

/** Hidden from nobody here: whoever may not see secrets gets the texts masked where they leave. */
const unmasked = (_name: string, value: string): string => value;

/** @param taken JSON of a preview; `!` before one that was thrown, `?` for one that nothing keeps */
export function shownValue(name: string, taken: string): HitValue {
  return { name: name.slice(0, 500), value: shown(name, taken, false) };
}

/** As it reads in the line of a log: strings without quotes. */
export function loggedValue(name: string, taken: string): string {
  return shown(name, taken, true);
}

function shown(name: string, taken: string, isBare: boolean): string {
  if (taken.startsWith('?')) return '<not kept by the program>';
  const threw = taken.startsWith('!');
  const node = parseNode(threw ? taken.slice(1) : taken);
  if (node === undefined) return '<unreadable>';
  if (threw) return `<threw ${renderPreview(node, name, unmasked)}>`.slice(0, MAX_PREVIEW_LENGTH);
  if (isBare && node.t === 'string') return node.v ?? '';
  return renderPreview(node, name, unmasked);
}

function parseNode(json: string): PreviewNode | undefined {
  try {
    const node: unknown = JSON.parse(json);
    const isNode = typeof node === 'object' && node !== null && typeof (node as PreviewNode).t === 'string';
    return isNode ? (node as PreviewNode) : undefined;
  } catch {
    // The program's word: whatever it is, it is no preview.
    return undefined;
  }
}

/** One line for a call. */
export function traceText(
  { where }: Breakpoint,
  values: readonly { readonly name: string; readonly value: string }[],
  { returned, threw, durationMs = 0 }: { returned?: string; threw?: string; durationMs?: number },
): string {
  const name = where.kind === 'function' ? where.name : '';
  const args = values.map(({ name: arg, value }) => `${arg}: ${value}`).join(', ');
  const end = threw === undefined ? `→ ${returned ?? 'undefined'}` : `threw ${threw}`;
  return `${name}(${args}) ${end} in ${durationMs.toFixed(3)} ms`;
}
