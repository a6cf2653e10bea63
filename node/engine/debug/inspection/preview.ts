/** Renders what the inspection tool saw of a value as one line of text, masking likely secrets on the way. */

import { count } from '#shared/plural.ts';
import type { PreviewNode } from '../inspection-tool/answers.ts';

/** Gives `value` back, or what may be shown instead when `name` or its look says it is a secret. */
export type Mask = (name: string, value: string) => string;

export const MAX_PREVIEW_LENGTH = 1000;

/** @returns at most {@link MAX_PREVIEW_LENGTH} characters */
export function renderPreview(node: PreviewNode, name: string, mask: Mask): string {
  const text = render(node, name, mask);
  return text.length > MAX_PREVIEW_LENGTH ? `${text.slice(0, MAX_PREVIEW_LENGTH - 1)}…` : text;
}

/** Whether it has something to open. */
export function isExpandable(node: PreviewNode): boolean {
  if (node.k === 'shown') return node.m === true;
  if (node.t === 'function' || node.k === 'proxy' || node.k === 'promise') return true;
  return node.t === 'object' && node.k !== 'text';
}

/** The type shown beside a value: `string`, `number`, `Cart`, `Array` … */
export function typeOf(node: PreviewNode): string {
  return node.t === 'object' ? (node.c ?? 'Object') : node.t;
}

function render(node: PreviewNode, name: string, mask: Mask): string {
  if (node.t === 'string') return renderString(node, name, mask);
  if (node.t === 'function') return node.v === '' ? 'ƒ ()' : `ƒ ${node.v}()`;
  if (node.t !== 'object')
    return node.t === 'number' || node.t === 'bigint' ? mask(name, node.v ?? '') : (node.v ?? '');
  const label = node.c ?? 'Object';
  switch (node.k) {
    case 'error':
      return node.v === '' ? label : `${label}: ${mask('', node.v ?? '')}`;
    case 'shown':
      return mask(name, node.v ?? '');
    case 'text':
      return node.v ?? '';
    case 'proxy':
    case 'promise':
      return `${label} {…}`;
    case 'opaque':
      return node.s === undefined ? `${label} {…}` : `${label}(${node.s})`;
    case 'array':
      return renderArray(node, name, mask);
    case 'map':
      return renderMap(node, name, mask);
    case 'set':
      return `${label}(${node.s ?? 0}) {${list(node, (_, child) => render(child, name, mask))}}`;
    default: {
      const body = list(node, (key, child) => `${String(key)}: ${render(child, String(key), mask)}`);
      return label === 'Object' ? `{${body}}` : `${label} {${body}}`;
    }
  }
}

function renderString(node: PreviewNode, name: string, mask: Mask): string {
  const masked = mask(name, node.v ?? '');
  if (masked !== node.v) return masked;
  const quoted = JSON.stringify(masked);
  if (node.n === undefined) return quoted;
  // What is cut once more must not lose how long it is.
  const note = `…" (${node.n} characters)`;
  return `${quoted.slice(0, Math.min(quoted.length - 1, MAX_PREVIEW_LENGTH - note.length))}${note}`;
}

function renderArray(node: PreviewNode, name: string, mask: Mask): string {
  const size = node.s ?? 0;
  const label = node.c === 'Array' ? '' : `${node.c ?? 'Array'}(${size}) `;
  const shown = node.e?.length ?? 0;
  const items = (node.e ?? []).map(([, child]) => render(child, name, mask));
  if (shown < size) items.push(shown === 0 ? count(size, 'item') : `… ${size - shown} more`);
  return `${label}[${items.join(', ')}]`;
}

function renderMap(node: PreviewNode, name: string, mask: Mask): string {
  const body = list(node, (key, child) => {
    if (typeof key === 'string') return `${key}: ${render(child, key, mask)}`;
    return `${render(key, name, mask)} => ${render(child, key.t === 'string' ? (key.v ?? '') : name, mask)}`;
  });
  return node.c === 'Entry' ? `{${body}}` : `${node.c ?? 'Map'}(${node.s ?? 0}) {${body}}`;
}

function list(node: PreviewNode, show: (key: string | PreviewNode, child: PreviewNode) => string): string {
  const items = (node.e ?? []).map(([key, child]) => show(key, child));
  if (node.m === true) items.push('…');
  return items.join(', ');
}
