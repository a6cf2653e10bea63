/** Values that fit a JSON schema of the document, and values that do not. */

import fc from 'fast-check';
import type { JsonSchema } from './document.ts';

/** Overrides by property name: what the world decides (ids that exist, files inside the test's folder). */
export type Overrides = Readonly<Record<string, fc.Arbitrary<unknown>>>;

const MOST_TEXT = 300;

export function fitting(schema: JsonSchema, overrides: Overrides): fc.Arbitrary<unknown> {
  if ('const' in schema) return fc.constant(schema['const']);
  if (Array.isArray(schema['enum'])) return fc.constantFrom(...(schema['enum'] as unknown[]));
  for (const several of ['anyOf', 'oneOf']) {
    const choices = schema[several];
    if (Array.isArray(choices)) return fc.oneof(...(choices as JsonSchema[]).map((each) => fitting(each, overrides)));
  }
  switch (schema['type']) {
    case 'string':
      return text(schema);
    case 'integer':
    case 'number':
      return number(schema);
    case 'boolean':
      return fc.boolean();
    case 'array': {
      const items = fitting((schema['items'] ?? {}) as JsonSchema, overrides);
      const { minItems = 0, maxItems = 5 } = schema as { minItems?: number; maxItems?: number };
      return fc.array(items, { minLength: minItems, maxLength: Math.min(maxItems, minItems + 4) });
    }
    case 'object':
      return object(schema, overrides);
    case 'null':
      return fc.constant(null);
    default:
      return fc.jsonValue({ maxDepth: 3 });
  }
}

function object(schema: JsonSchema, overrides: Overrides): fc.Arbitrary<unknown> {
  const properties = (schema['properties'] ?? {}) as Record<string, JsonSchema>;
  const required = (schema['required'] ?? []) as string[];
  const model = Object.fromEntries(
    Object.entries(properties).map(([name, each]) => [name, overrides[name] ?? fitting(each, overrides)]),
  );
  return fc.record(model, { requiredKeys: required.filter((name) => name in model) });
}

function text({ pattern, minLength = 0, maxLength = MOST_TEXT, format }: JsonSchema): fc.Arbitrary<unknown> {
  if (typeof pattern === 'string') return fc.stringMatching(new RegExp(pattern));
  if (format === 'date-time') return fc.date({ noInvalidDate: true }).map((date) => date.toISOString());
  const [min, max] = [Number(minLength), Math.min(Number(maxLength), MOST_TEXT)];
  return fc.oneof(
    fc.string({ minLength: min, maxLength: max }),
    fc.string({ minLength: min, maxLength: max, unit: 'grapheme' }).filter((value) => value.length <= max),
  );
}

function number({ minimum = 0, maximum = 1000, type }: JsonSchema): fc.Arbitrary<unknown> {
  const [min, max] = [Number(minimum), Math.min(Number(maximum), Number(minimum) + 1_000_000)];
  return type === 'integer' ? fc.integer({ min, max }) : fc.double({ min, max, noNaN: true });
}

/** Anything a careless or hostile client may put where an argument belongs. */
export const hostile: fc.Arbitrary<unknown> = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.string({ unit: 'binary', maxLength: 500 }),
  fc.constantFrom(
    null,
    -1,
    2 ** 53,
    1e308,
    -0,
    '',
    ' ',
    '\u0000',
    '../../etc/passwd',
    '..%2f..%2f',
    '__proto__',
    'constructor',
    "'; drop table",
    '\ud800',
    'x'.repeat(20_000),
    [],
    [[[[[[]]]]]],
    {},
    { toString: 1 },
    true,
  ),
  fc.constant(JSON.parse('{"__proto__": {"admin": true}}')),
);

/** An object that fits, with one thing about it made wrong. */
export function spoilt(fit: fc.Arbitrary<unknown>, names: readonly string[]): fc.Arbitrary<unknown> {
  const change = fc.tuple(fit, hostile, fc.constantFrom(...names, 'unheardOf', 'sandbox'), fc.nat(3));
  return fc.oneof(
    { weight: 3, arbitrary: change.map(([value, wrong, name, how]) => spoil(value, wrong, name, how)) },
    { weight: 1, arbitrary: hostile },
  );
}

function spoil(value: unknown, wrong: unknown, name: string, how: number): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return wrong;
  if (how !== 0) return { ...value, [name]: wrong };
  return Object.fromEntries(Object.entries(value).filter(([key]) => key !== name));
}
