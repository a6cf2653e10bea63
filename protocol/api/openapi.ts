/**
 * The OpenAPI document of the local API, made from the catalogue and the table of resources: what is routed and what
 * is documented cannot differ.
 */

import { z } from 'zod';
import { type CommandName, catalogue, commandDefinition } from '../catalogue/catalogue.ts';
import type { CommandDefinition } from '../catalogue/command.ts';
import { PROBLEM_TYPE, problemSchema } from './problem.ts';
import {
  API_PREFIX,
  commandPath,
  isWrite,
  pathParameters,
  REST_ROUTES,
  type RestRoute,
  takesQuery,
} from './rest-routes.ts';
import { scopeOf } from './scopes.ts';

type Json = Record<string, unknown>;

export interface OpenApiDocument {
  readonly openapi: '3.1.0';
  readonly info: Json;
  readonly servers: readonly Json[];
  readonly security: readonly Json[];
  readonly tags: readonly Json[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Json>>>>;
  readonly components: Json;
}

export interface OpenApiOptions {
  readonly version: string;
  /** `http://127.0.0.1:<port>` */
  readonly origin: string;
  /** Operations that are no commands: authentication, health. By path after the origin, then method. */
  readonly extra?: Readonly<Record<string, Readonly<Record<string, Json>>>>;
}

export function openApiDocument({ version, origin, extra = {} }: OpenApiOptions): OpenApiDocument {
  const paths: Record<string, Record<string, Json>> = {};
  const add = (path: string, method: string, operation: Json): void => {
    paths[path] = { ...paths[path], [method]: operation };
  };
  for (const route of REST_ROUTES) add(API_PREFIX + route.path, route.method.toLowerCase(), resourceOperation(route));
  for (const name of Object.keys(catalogue) as CommandName[]) {
    add(API_PREFIX + commandPath(name), 'post', commandOperation(commandDefinition(name)));
  }
  for (const [path, operations] of Object.entries(extra)) {
    for (const [method, operation] of Object.entries(operations)) add(path, method, operation);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'sandmesh local API',
      version,
      description:
        'What a tool on this machine can ask of the local daemon. Every operation is a command of one catalogue. Whoever wants ' +
        `to hear of events opens the WebSocket ${API_PREFIX}/ws, best by the sdk.`,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: origin }],
    security: [{ accessToken: [] }],
    tags: [...new Set(['Access', ...REST_ROUTES.map((route) => route.tag), 'Commands'])].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        accessToken: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: `Of POST ${API_PREFIX}/auth/token; good for 15 minutes.`,
        },
        token: { type: 'http', scheme: 'bearer', description: 'What `sandmesh token` prints.' },
      },
      schemas: { Problem: jsonSchema(problemSchema, 'output') },
      responses: {
        Problem: {
          description: 'The request failed; `code` is stable.',
          content: { [PROBLEM_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } },
        },
      },
    },
  };
}

function resourceOperation(route: RestRoute): Json {
  const definition = commandDefinition(route.command);
  const inPath = pathParameters(route.path);
  const args = jsonSchema(definition.args, 'input');
  const properties = (args['properties'] ?? {}) as Record<string, Json>;
  const required = (args['required'] ?? []) as string[];
  const free = Object.keys(properties).filter((name) => !inPath.includes(name) && !(name in (route.fixed ?? {})));
  const parameters: Json[] = inPath.map((name) => ({
    name,
    in: 'path',
    required: true,
    schema:
      name === 'sandbox' ? { type: 'string', pattern: '^[0-9a-f]{40}$' } : (properties[name] ?? { type: 'string' }),
  }));
  if (takesQuery(route)) {
    for (const name of free) parameters.push(queryParameter(name, properties[name] ?? {}, required.includes(name)));
  }
  if (route.items !== undefined) parameters.push(...PAGE_PARAMETERS);
  const body =
    takesQuery(route) || free.length === 0
      ? undefined
      : {
          type: 'object',
          properties: {
            ...Object.fromEntries(free.map((name) => [name, properties[name]])),
            ...(route.sandboxInBody === true ? { sandbox: SANDBOX_ID } : {}),
          },
          required: required.filter((name) => free.includes(name)),
          additionalProperties: false,
        };
  const result = jsonSchema(definition.result, 'output');
  return {
    operationId: operationId(route),
    tags: [route.tag],
    ...described(definition),
    ...common(parameters, isWrite(route)),
    ...(body === undefined ? {} : requestBody(body)),
    responses: responses(
      route.status ?? 200,
      route.items === undefined ? result : withNext(result),
      route.method === 'GET',
    ),
  };
}

function commandOperation(definition: CommandDefinition): Json {
  const body = {
    type: 'object',
    properties: {
      args: jsonSchema(definition.args, 'input'),
      sandbox: {
        type: 'string',
        pattern: '^[0-9a-f]{40}$',
        description: 'Which sandbox; else the one bound to `folder`, or the only one.',
      },
      folder: { type: 'string', maxLength: 4096 },
      timeoutMs: { type: 'integer', minimum: 1, description: `At most ${definition.timeoutMs}.` },
    },
    additionalProperties: false,
  };
  return {
    operationId: `command_${definition.name.replace('.', '_')}`,
    tags: ['Commands'],
    ...described(definition),
    ...common([], definition.effect === 'write'),
    ...requestBody(body),
    responses: responses(200, jsonSchema(definition.result, 'output'), false),
  };
}

function described(definition: CommandDefinition): Json {
  return {
    summary: definition.summary,
    description: `Command \`${definition.name}\`; right \`${definition.right}\`; scope \`${scopeOf(definition)}\`.`,
  };
}

function common(parameters: readonly Json[], write: boolean): Json {
  const all = write ? [...parameters, IDEMPOTENCY_KEY] : parameters;
  return all.length === 0 ? {} : { parameters: all };
}

function requestBody(schema: Json): Json {
  const required = Array.isArray(schema['required']) && schema['required'].length > 0;
  return { requestBody: { required, content: { 'application/json': { schema }, 'application/cbor': { schema } } } };
}

function responses(status: number, schema: Json, cached: boolean): Json {
  return {
    [status]: {
      description: 'Done.',
      ...(cached ? { headers: { ETag: { schema: { type: 'string' } } } } : {}),
      content: { 'application/json': { schema } },
    },
    ...(cached ? { 304: { description: 'Unchanged since the ETag in If-None-Match.' } } : {}),
    default: { $ref: '#/components/responses/Problem' },
  };
}

const SANDBOX_ID: Json = { type: 'string', pattern: '^[0-9a-f]{40}$' };

const IDEMPOTENCY_KEY: Json = {
  name: 'Idempotency-Key',
  in: 'header',
  description: 'The same key within a day: done once, answered alike.',
  schema: { type: 'string', minLength: 1, maxLength: 200 },
};

const PAGE_PARAMETERS: readonly Json[] = [
  { name: 'limit', in: 'query', schema: { type: 'integer', minimum: 1, maximum: 1000 } },
  {
    name: 'cursor',
    in: 'query',
    description: '`next` of the page before.',
    schema: { type: 'string', maxLength: 400 },
  },
];

function queryParameter(name: string, schema: Json, required: boolean): Json {
  const structured = schema['type'] === 'object' || schema['type'] === 'array';
  return structured
    ? { name, in: 'query', required, content: { 'application/json': { schema } } }
    : { name, in: 'query', required, schema };
}

function withNext(result: Json): Json {
  const properties = (result['properties'] ?? {}) as Json;
  return {
    ...result,
    properties: { ...properties, next: { type: 'string', description: 'Cursor of the next page.' } },
  };
}

function operationId(route: RestRoute): string {
  const words = route.path
    .replace(/\{(\w+)\}/g, 'by_$1')
    .split(/[/-]/)
    .filter(Boolean);
  return [route.method.toLowerCase(), ...words].join('_');
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Json;
  return rest;
}
