/** A value written out as text for the clipboard: several levels deep, one property a line, masked like any preview. */

import type { PreviewNode } from '../inspection-tool/answers.ts';
import { type Mask, renderPreview } from './preview.ts';

const MAX_TEXT_LENGTH = 200_000;

/** @param name the value goes by: masking looks at it */
export function copiedText(node: PreviewNode, name: string, mask: Mask): string {
  const text = write(node, name, mask, '');
  return text.length > MAX_TEXT_LENGTH ? `${text.slice(0, MAX_TEXT_LENGTH)}…` : text;
}

function write(node: PreviewNode, name: string, mask: Mask, indent: string): string {
  if (node.t === 'string') {
    const masked = mask(name, node.v ?? '');
    return indent === '' && masked === node.v ? masked : JSON.stringify(masked);
  }
  const children = node.e ?? [];
  if (node.t !== 'object' || children.length === 0) return renderPreview(node, name, mask);
  const deeper = `${indent}  `;
  // An entry of a map: its key masks its value.
  const entryKey = children.find(([key]) => key === 'key')?.[1];
  const lines = children.map(([key, child]) => {
    const own = key === 'value' && entryKey?.t === 'string' ? (entryKey.v ?? key) : key;
    const [label, maskedBy] =
      typeof key === 'string' ? [key, String(own)] : [renderPreview(key, name, mask), key.v ?? name];
    const value = write(child, node.k === 'array' ? name : maskedBy, mask, deeper);
    return node.k === 'array' || node.k === 'set' ? `${deeper}${value}` : `${deeper}${label}: ${value}`;
  });
  if (node.m === true) lines.push(`${deeper}…`);
  const [open, close] = node.k === 'array' ? ['[', ']'] : ['{', '}'];
  const label = node.c === undefined || node.c === 'Object' || node.c === 'Array' ? '' : `${node.c} `;
  return `${label}${open}\n${lines.join(',\n')}\n${indent}${close}`;
}
