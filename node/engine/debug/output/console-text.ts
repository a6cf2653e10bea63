/** A console call as the text a terminal would show, from what V8 reports of it. */

import type { Protocol } from 'devtools-protocol';
import type { ConsoleLine } from '#shared/model/target.ts';

export const MAX_LINE_LENGTH = 10_000;

export function consoleText(args: readonly Protocol.Runtime.RemoteObject[]): string {
  const [first, ...rest] = args;
  if (first === undefined) return '';
  const words: string[] = [];
  let used = 0;
  if (first.type === 'string') {
    const format = String(first.value).slice(0, MAX_LINE_LENGTH);
    const filled = format.replace(/%[sdifjoOc%]/g, (directive) => {
      if (directive === '%%') return '%';
      const value = rest[used];
      if (value === undefined) return directive;
      used += 1;
      return directive === '%c' ? '' : valueText(value);
    });
    words.push(filled);
  } else {
    words.push(valueText(first));
  }
  for (const value of rest.slice(used)) words.push(valueText(value));
  return words.join(' ').slice(0, MAX_LINE_LENGTH);
}

/** Which stream a call belongs to; undefined for calls that print nothing. */
export function consoleStream(type: Protocol.Runtime.ConsoleAPICalledEvent['type']): ConsoleLine['stream'] | undefined {
  switch (type) {
    case 'warning':
      return 'warn';
    case 'error':
    case 'assert':
      return 'error';
    case 'info':
    case 'debug':
    case 'trace':
      return type;
    case 'clear':
    case 'endGroup':
    case 'profile':
    case 'profileEnd':
      return undefined;
    default:
      return 'log';
  }
}

export function exceptionText({ exceptionDetails }: Protocol.Runtime.ExceptionThrownEvent): string {
  const { text, exception } = exceptionDetails;
  const what = exception === undefined ? '' : (exception.description ?? valueText(exception));
  return `${text} ${what}`.trim().slice(0, MAX_LINE_LENGTH);
}

function valueText(value: Protocol.Runtime.RemoteObject): string {
  if (value.type === 'string') return String(value.value);
  if (value.unserializableValue !== undefined) return value.unserializableValue;
  if (value.subtype === 'null') return 'null';
  if (value.objectId === undefined) return String(value.value ?? value.description ?? value.type);
  return value.preview === undefined ? (value.description ?? value.type) : previewText(value.preview);
}

function previewText(preview: Protocol.Runtime.ObjectPreview): string {
  const isArray = preview.subtype === 'array' || preview.subtype === 'typedarray';
  if (preview.type === 'function' || ['error', 'date', 'regexp'].includes(preview.subtype ?? '')) {
    return preview.description ?? '';
  }
  const items = preview.properties.map(({ name, value, type, valuePreview }) => {
    const shown = type === 'string' ? `'${value ?? ''}'` : (value ?? valuePreview?.description ?? type);
    return isArray && /^\d+$/.test(name) ? shown : `${name}: ${shown}`;
  });
  for (const { key, value } of preview.entries ?? []) {
    items.push(
      key === undefined ? (value.description ?? '') : `${key.description ?? ''} => ${value.description ?? ''}`,
    );
  }
  if (preview.overflow) items.push('…');
  const label = preview.description === 'Object' || preview.description === undefined ? '' : `${preview.description} `;
  if (isArray) return `[ ${items.join(', ')} ]`;
  return items.length === 0 ? `${label}{}` : `${label}{ ${items.join(', ')} }`;
}
