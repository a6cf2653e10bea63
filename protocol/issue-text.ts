/** What a schema has against a value, for people: they know lengths and choices, not schemas. */

import type { z } from 'zod';
import { count } from '#shared/plural.ts';

/** What a bound counts; that of a number counts nothing. */
const UNITS: Readonly<Record<string, string>> = { string: 'character', array: 'element', record: 'entry' };

/** What a schema calls its types. */
const TYPES: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};

/** @returns half a sentence, such as `it takes at most 64 characters` */
export function issueText(issue: z.core.$ZodIssue | undefined): string {
  switch (issue?.code) {
    case 'too_small':
      return `it takes at least ${amount(issue.minimum, issue.origin)}`;
    case 'too_big':
      return `it takes at most ${amount(issue.maximum, issue.origin)}`;
    case 'invalid_value':
      return `it takes ${issue.values.map(String).join(', ')}`;
    case 'invalid_type': {
      // The issue does not hold the value.
      if (issue.message.endsWith('received undefined')) return 'it is missing';
      const type = TYPES[issue.expected];
      return type === undefined ? issue.message : `it takes ${type}`;
    }
    case 'unrecognized_keys':
      return `there is no ${issue.keys.map((key) => `"${key}"`).join(', ')}`;
    default:
      return issue?.message ?? 'invalid';
  }
}

function amount(bound: number | bigint, origin: string): string {
  const unit = UNITS[origin];
  return unit === undefined ? String(bound) : count(Number(bound), unit);
}
