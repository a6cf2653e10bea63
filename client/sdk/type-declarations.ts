/**
 * The type declarations that ship with `sandmesh/sdk`, written out from the catalogue at build time: a program that
 * uses the package needs neither our sources nor zod.
 */

import { z } from 'zod';
import { type CommandName, catalogue, commandDefinition } from '#protocol/catalogue/catalogue.ts';
import { topics } from '#protocol/topics.ts';
import { ERROR_CODES } from '#shared/errors.ts';

type Json = Readonly<Record<string, unknown>>;

/** @returns the text of `sdk.d.ts` */
export function sdkDeclarations(): string {
  const commands = (Object.keys(catalogue) as CommandName[]).map((name) => {
    const { summary, args, result } = commandDefinition(name);
    return [
      `  /** ${summary}. */`,
      `  '${name}': {`,
      `    args: ${typeOf(schemaOf(args, 'input'), '    ')};`,
      `    result: ${typeOf(schemaOf(result, 'output'), '    ')};`,
      '  };',
    ].join('\n');
  });
  const events = Object.entries(topics).map(
    ([name, schema]) => `  ${name}: ${typeOf(schemaOf(schema, 'output'), '  ')};`,
  );
  const codes = Object.keys(ERROR_CODES).map((code) => `'${code}'`);
  return `// Made from the command catalogue by "npm run build".

/** Every command, with what it takes and what it gives. */
export interface Commands {
${commands.join('\n')}
}

/** Every topic, with what its events carry. */
export interface Topics {
${events.join('\n')}
}

export type ErrorCode =
  | ${codes.join('\n  | ')};

${CLIENT}`;
}

/** By hand, next to client.ts; test/client/sdk/declarations.test.ts compiles a program against it. */
const CLIENT = `/** The only error that is thrown on purpose. */
export class SandboxError extends Error {
  readonly code: ErrorCode;
  /** What to do next. */
  readonly hint: string | undefined;
}

/** Which sandbox: by id, by a folder it is bound to, or (neither) the daemon's only one. */
export interface Scope {
  readonly sandbox?: string;
  readonly folder?: string;
}

export type TopicMessage<T extends keyof Topics = keyof Topics> = {
  [K in T]: {
    readonly topic: K;
    readonly event: Topics[K];
    readonly sandbox: string;
    /** Grows by one per event of that topic in the sandbox; a gap means events were missed. */
    readonly sequence: number;
    /** Events dropped right before this one because the reader was too slow. */
    readonly dropped?: number;
  };
}[T];

export interface ClientEvents {
  /** Back after a loss: state may have moved, read it again. */
  connected: object;
  lost: SandboxError;
  closed: object;
  /** The daemon goes away on purpose; \`lost\` follows. */
  bye: { reason: string };
  /** Events were dropped because this client reads too slowly. */
  lagged: { dropped: number };
}

export class SandmeshClient {
  private constructor();
  readonly connected: boolean;
  readonly events: { on<K extends keyof ClientEvents>(name: K, listener: (event: ClientEvents[K]) => void): () => void };
  /** Runs one command. Nothing is repeated: a call under way when the daemon goes away fails. */
  call<N extends keyof Commands>(
    name: N,
    args: Commands[N]['args'],
    options?: Scope & { timeoutMs?: number; signal?: AbortSignal },
  ): Promise<Commands[N]['result']>;
  /** Listens to topics; ends on \`signal\`, or when the client closes. */
  subscribe<T extends keyof Topics>(
    topics: T | readonly T[],
    options?: Scope & { signal?: AbortSignal },
  ): AsyncIterableIterator<TopicMessage<T>>;
  /** Safe to call twice. */
  close(): void;
}

export interface ConnectOptions {
  /** For calls and subscriptions that name none. */
  scope?: Scope;
  /** Come back after a loss. */
  reconnect?: boolean;
  /** Shown in the daemon's list of clients. */
  agent?: string;
  /** Gives up connecting. */
  signal?: AbortSignal;
}

/** Connects to the daemon of this user; in Node only. */
export function connect(options?: ConnectOptions & { socketPath?: string }): Promise<SandmeshClient>;

/** Connects over the local API, with a token ("sandmesh token create") or a one-time code. */
export function connectWithToken(
  options: ConnectOptions & { origin: string; token?: string; code?: string },
): Promise<SandmeshClient>;

export interface DocumentOptions<Doc, Provider> extends Scope {
  /** \`debug\`, \`probes\`, \`experiments\` or \`draft/<file>\`. */
  document: string;
  /** The package yjs. */
  Y: { Doc: new () => Doc };
  /** y-websocket's. */
  WebsocketProvider: new (url: string, room: string, doc: Doc, options: any) => Provider;
  /** In Node: the package ws. */
  WebSocketPolyfill?: unknown;
}

/** A shared document through the stock y-websocket provider, under the id that the daemon gives. */
export class SharedDocument<Doc, Provider> {
  private constructor();
  /** Another one after each \`replaced\`. */
  readonly doc: Doc;
  readonly provider: Provider;
  readonly events: {
    /** The document was built anew: bind to \`doc\` and \`provider\` again; what had not got through was made again. */
    on(name: 'replaced', listener: () => void): () => void;
    /** Something written here was not taken. */
    on(name: 'refused', listener: (event: { reason: string }) => void): () => void;
    on(name: 'durable', listener: () => void): () => void;
  };
  readonly isDurable: boolean;
  /** Resolves when everything written here so far survives a loss of power. */
  durable(options?: { signal?: AbortSignal }): Promise<void>;
  close(): void;
}

/** The client stays open and should reconnect. */
export function openDocument<Doc, Provider>(
  client: SandmeshClient,
  options: DocumentOptions<Doc, Provider>,
): Promise<SharedDocument<Doc, Provider>>;
`;

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  return z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Json;
}

/** A JSON schema, as zod makes them, as a TypeScript type. */
function typeOf(schema: Json, indent: string): string {
  const { type, enum: values, const: constant, anyOf, oneOf, items, properties, additionalProperties } = schema;
  if (constant !== undefined) return JSON.stringify(constant);
  if (Array.isArray(values)) return values.map((value) => JSON.stringify(value)).join(' | ');
  const choices = anyOf ?? oneOf;
  if (Array.isArray(choices)) return [...new Set(choices.map((one) => typeOf(one as Json, indent)))].join(' | ');
  switch (type) {
    case 'string':
    case 'boolean':
    case 'null':
      return type;
    case 'number':
    case 'integer':
      return 'number';
    case 'array':
      return `(${typeOf((items ?? {}) as Json, indent)})[]`;
    case 'object':
      if (properties === undefined) return `Record<string, ${typeOf(asSchema(additionalProperties), indent)}>`;
      return objectType(schema, indent);
    default:
      return 'unknown';
  }
}

function objectType({ properties, required }: Json, indent: string): string {
  const needed = new Set(Array.isArray(required) ? required : []);
  const entries = Object.entries(properties as Record<string, Json>);
  if (entries.length === 0) return 'Record<string, never>';
  const lines = entries.map(([name, schema]) => {
    const key = /^[a-zA-Z_]\w*$/.test(name) ? name : JSON.stringify(name);
    return `${indent}  ${key}${needed.has(name) ? '' : '?'}: ${typeOf(schema, `${indent}  `)};`;
  });
  return `{\n${lines.join('\n')}\n${indent}}`;
}

function asSchema(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {};
}
