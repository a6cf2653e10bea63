/** What the inspection tool saw of a value, as DevTools clients read values: made at the host, masked there, bounded. */

import type { Protocol } from 'devtools-protocol';
import { isExpandable, type Mask } from '../inspection/preview.ts';
import type { PreviewNode } from '../inspection-tool/answers.ts';

type RemoteObject = Protocol.Runtime.RemoteObject;
type ObjectPreview = Protocol.Runtime.ObjectPreview;
type Subtype = Exclude<RemoteObject['subtype'], undefined>;

const UNSERIALIZABLE = /^(?:-0|NaN|-?Infinity)$/;

/**
 * @param name the name it goes by: masking looks at it
 * @param hold gives it an id, when it has something to open
 */
export function remoteObject(node: PreviewNode, name: string, mask: Mask, hold: () => string): RemoteObject {
  if (node.t !== 'object' && node.t !== 'function') return primitive(node, name, mask);
  const subtype = subtypeOf(node);
  return {
    type: node.t,
    className: node.c ?? 'Object',
    description: describe(node, mask),
    ...(subtype === undefined ? {} : { subtype }),
    ...(isExpandable(node) ? { objectId: hold() } : {}),
    ...(node.e === undefined ? {} : { preview: objectPreview(node, name, mask) }),
  };
}

export function objectPreview(node: PreviewNode, name: string, mask: Mask): ObjectPreview {
  const subtype = subtypeOf(node);
  const children = node.e ?? [];
  const isKeyed = node.k === 'map' || node.k === 'set';
  const properties = isKeyed
    ? []
    : children.map(([key, child]) => propertyPreview(String(key), child, name, node, mask));
  const entries = children.map(([key, child]) => ({
    ...(typeof key === 'string' ? {} : { key: valuePreview(key, name, mask) }),
    value: valuePreview(child, typeof key !== 'string' && key.t === 'string' ? (key.v ?? '') : name, mask),
  }));
  return {
    type: node.t as ObjectPreview['type'],
    ...(subtype === undefined ? {} : { subtype: subtype as NonNullable<ObjectPreview['subtype']> }),
    description: describe(node, mask),
    overflow: node.m === true || (node.s ?? 0) > children.length,
    properties,
    ...(isKeyed ? { entries } : {}),
  };
}

function primitive(node: PreviewNode, name: string, mask: Mask): RemoteObject {
  const text = node.v ?? '';
  const cut = node.n === undefined ? '' : `… (${node.n} characters)`;
  switch (node.t) {
    case 'string':
      return { type: 'string', value: `${mask(name, text)}${cut}` };
    case 'number': {
      if (mask(name, text) !== text) return { type: 'string', value: mask(name, text) };
      const number = UNSERIALIZABLE.test(text) ? { unserializableValue: text } : { value: Number(text) };
      return { type: 'number', description: text, ...number };
    }
    case 'bigint':
      if (mask(name, text) !== text) return { type: 'string', value: mask(name, text) };
      return { type: 'bigint', description: text, unserializableValue: text };
    case 'boolean':
      return { type: 'boolean', value: text === 'true' };
    case 'null':
      return { type: 'object', subtype: 'null', value: null };
    case 'symbol':
      return { type: 'symbol', description: mask(name, text) };
    case 'undefined':
      return { type: 'undefined' };
    default:
      // A hole in an array, a binding before its declaration.
      return { type: 'undefined', description: text };
  }
}

function propertyPreview(
  key: string,
  child: PreviewNode,
  name: string,
  parent: PreviewNode,
  mask: Mask,
): Protocol.Runtime.PropertyPreview {
  if (child.t === 'accessor') return { name: key, type: 'accessor', value: '' };
  // Elements carry no telling name: the one of what holds them decides about masking.
  const shown = remoteObject(child, parent.k === 'array' ? name : key, mask, () => '');
  const { type, subtype } = shown;
  const value = typeof shown.value === 'string' ? shown.value : (shown.description ?? String(shown.value));
  return { name: key, type, value, ...(subtype === undefined ? {} : { subtype }) } as Protocol.Runtime.PropertyPreview;
}

function valuePreview(node: PreviewNode, name: string, mask: Mask): ObjectPreview {
  if (node.t === 'object' || node.t === 'function') return objectPreview(node, name, mask);
  const { type, value, description } = primitive(node, name, mask);
  const text = typeof value === 'string' ? value : (description ?? String(value));
  return { type: type as ObjectPreview['type'], description: text, overflow: false, properties: [] };
}

function subtypeOf(node: PreviewNode): Subtype | undefined {
  if (node.t === 'null') return 'null';
  switch (node.k) {
    case 'array':
      return node.c === 'Array' ? 'array' : 'typedarray';
    case 'text':
      return node.c === 'Date' ? 'date' : 'regexp';
    case 'map':
    case 'set':
    case 'error':
    case 'proxy':
    case 'promise':
      return node.k;
    default:
      return undefined;
  }
}

function describe(node: PreviewNode, mask: Mask): string {
  const label = node.c ?? 'Object';
  if (node.t === 'function') return `function ${node.v ?? ''}() {}`;
  if (node.k === 'error') return node.v === '' ? label : `${label}: ${mask('', node.v ?? '')}`;
  if (node.k === 'text') return node.v ?? '';
  return node.s === undefined ? label : `${label}(${node.s})`;
}
