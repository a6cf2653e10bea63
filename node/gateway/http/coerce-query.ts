/** Text of a path or a query as the type its argument has: numbers and booleans, everything else stays text. */

import { z } from 'zod';

type Kind = 'number' | 'boolean' | 'object' | 'text';

/** By schema, made once each. */
const kinds = new WeakMap<z.ZodObject, ReadonlyMap<string, Kind>>();

/** What does not read as its type is passed on as it came, for the command's own schema to refuse by name. */
export function coerceQuery(schema: z.ZodObject, text: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const known = kindsOf(schema);
  return Object.fromEntries(Object.entries(text).map(([name, value]) => [name, coerce(known.get(name), value)]));
}

function coerce(kind: Kind | undefined, value: unknown): unknown {
  if (typeof value !== 'string') return value;
  switch (kind) {
    case 'number':
      return /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value;
    case 'boolean':
      return value === 'true' ? true : value === 'false' ? false : value;
    case 'object':
      try {
        return JSON.parse(value);
      } catch {
        // Refused by the schema, which knows its name.
        return value;
      }
    default:
      return value;
  }
}

function kindsOf(schema: z.ZodObject): ReadonlyMap<string, Kind> {
  let known = kinds.get(schema);
  if (known === undefined) {
    const { properties = {} } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
    known = new Map(Object.entries(properties).map(([name, property]) => [name, kindOf(property)]));
    kinds.set(schema, known);
  }
  return known;
}

function kindOf(property: unknown): Kind {
  const type = typeof property === 'object' && property !== null && 'type' in property ? property.type : undefined;
  if (type === 'number' || type === 'integer') return 'number';
  if (type === 'boolean') return 'boolean';
  return type === 'object' || type === 'array' ? 'object' : 'text';
}
