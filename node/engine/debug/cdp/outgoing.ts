/**
 * What V8 says, as one client may see it: every id remapped, likely secrets masked where the client may not evaluate,
 * what leads to other sessions left out. Works on any answer or event, so that no id slips through in a new place.
 */

import type { Mask } from '../inspection/preview.ts';

export interface ClientIds {
  script(own: string): string;
  object(own: string, name: string): string;
  frame(own: string): string;
  context(own: number): number;
}

export interface OutgoingOptions {
  readonly ids: ClientIds;
  /** Undefined: nothing needs to be hidden. */
  readonly mask: Mask | undefined;
}

type Plain = Readonly<Record<string, unknown>>;

/** Lead into V8 where no client may go, or say nothing to one with ids of its own. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  'asyncStackTraceId',
  'externalParentId',
  'debuggerId',
  'uniqueId',
  'systemUniqueId',
]);

/** @param name the name a value goes by: masking looks at it */
export function toClient(node: unknown, options: OutgoingOptions, name = ''): unknown {
  if (Array.isArray(node)) return node.map((entry) => toClient(entry, options, name));
  if (typeof node !== 'object' || node === null) return node;
  const plain = node as Plain;
  const called = typeof plain['name'] === 'string' ? plain['name'] : name;
  const shown: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(plain)) {
    if (!LEFT_OUT.has(key)) shown[key] = field(plain, key, value, options, called);
  }
  return isValue(plain) && options.mask !== undefined ? masked(shown, called, options.mask) : shown;
}

function field(owner: Plain, key: string, value: unknown, options: OutgoingOptions, name: string): unknown {
  const { ids } = options;
  if (typeof value === 'string') {
    if (key === 'scriptId') return ids.script(value);
    if (key === 'objectId') return ids.object(value, name);
    if (key === 'callFrameId') return ids.frame(value);
  }
  if (key === 'executionContextId' && typeof value === 'number') return ids.context(value);
  // The program's own data: what looks like an id in it is none. Except where V8 tells a function's place by it.
  if (key === 'value' && isValue(owner) && owner['subtype'] !== 'internal#location') return value;
  return toClient(value, options, name);
}

/** A RemoteObject, or a value in a preview. */
function isValue(plain: Plain): boolean {
  return (
    typeof plain['type'] === 'string' && ('value' in plain || 'description' in plain || 'unserializableValue' in plain)
  );
}

function masked(shown: Record<string, unknown>, name: string, mask: Mask): unknown {
  const { type, value, unserializableValue, description, subtype } = shown;
  if (typeof value === 'string') return { ...shown, value: mask(name, value) };
  const text = typeof value === 'number' ? String(value) : unserializableValue;
  if (typeof text === 'string' && mask(name, text) !== text) return { type: 'string', value: mask(name, text) };
  // By value comes only what was asked for by code.
  if (typeof value === 'object' && value !== null) return { type, ...(subtype === undefined ? {} : { subtype }) };
  if (typeof description !== 'string' || subtype !== 'error') return shown;
  return { ...shown, description: mask('', description) };
}
