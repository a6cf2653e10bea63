/**
 * A command's arguments as one line for people: in the audit log and at the host's prompt. What was run is said in
 * full, likely secrets masked; an argument that is not named here is left out, so that no link and no key gets in.
 */

import { MASK, maskText, maskValue } from '../masking.ts';
import { isSecretName } from '../secret-names.ts';

const MAX_CHARS = 2_000;
/** Said as they are, in this order. */
const PLAIN = [
  'kind',
  'location',
  'function',
  'exception',
  'breakpoint',
  'enabled',
  'where',
  'request',
  'role',
] as const;
const MORE_PLAIN = ['member', 'to', 'level', 'rule', 'verdict', 'program', 'handle', 'match', 'frame'] as const;

/** @returns empty when there is nothing to say */
export function describeArguments(command: string, args: Readonly<Record<string, unknown>>): string {
  const parts: string[] = [];
  for (const key of [...PLAIN, ...MORE_PLAIN]) {
    const value = args[key];
    if (typeof value === 'string') parts.push(`${key} ${maskText(value)}`);
    else if (typeof value === 'number' || typeof value === 'boolean') parts.push(`${key} ${value}`);
  }
  const { file, argv, name, expression, condition } = args;
  const path = (file as { path?: unknown } | undefined)?.path;
  if (typeof path === 'string' || typeof file === 'string') parts.push(`file ${path ?? file}`);
  if (Array.isArray(argv)) parts.push(maskCommandLine(argv.map(String)));
  if (typeof condition === 'string') parts.push(`if ${maskText(condition)}`);
  if (typeof expression === 'string') {
    const assigned = command === 'inspect.set' && typeof name === 'string' ? name : '';
    parts.push(assigned === '' ? maskText(expression) : `${assigned} = ${maskValue(assigned, expression)}`);
  }
  return oneLine(parts.join(', '));
}

/** Masked and on one line, cut to what a line of the log may hold. */
export function oneLine(text: string, maxChars = MAX_CHARS): string {
  const line = text.replace(/\s*[\r\n]+\s*/g, ' ⏎ ');
  return line.length <= maxChars ? line : `${line.slice(0, maxChars - 20)}… (${line.length} chars)`;
}

/** `--password hunter2` is a secret although no sign stands between the two. */
export function maskCommandLine(words: readonly string[]): string {
  const masked = words.map((word, i) => {
    const flag = /^--?([\w-]+)$/.exec(words[i - 1] ?? '')?.[1];
    return flag !== undefined && isSecretName(flag) && !word.startsWith('-') ? MASK : word;
  });
  return maskText(masked.join(' '));
}
