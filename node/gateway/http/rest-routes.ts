/** REST: every route is a command. Turns path, query and body into its arguments, and its result into a response. */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import {
  commandPath,
  isWrite,
  pathParameters,
  REST_ROUTES,
  type RestRoute,
  takesQuery,
} from '#protocol/api/rest-routes.ts';
import { type CommandName, commandDefinition, isCommandName } from '#protocol/catalogue/catalogue.ts';
import { badArgument } from '#protocol/messages.ts';
import { SandboxError } from '#shared/errors.ts';
import { isSandboxId, type SandboxId } from '#shared/ids.ts';
import { sandboxIdSchema } from '#shared/model/schemas.ts';
import type { CommandRequest } from '../../pipeline/request.ts';
import { SpareAborts } from '../spare-aborts.ts';
import { coerceQuery } from './coerce-query.ts';
import { EntityTags } from './entity-tags.ts';
import type { IdempotencyKeys } from './idempotency.ts';
import { MAX_PAGE, pageOf } from './paging.ts';

export interface RestOptions {
  readonly run: (request: CommandRequest) => Promise<unknown>;
  readonly keys: IdempotencyKeys;
}

const scopeSchema = z.strictObject({ sandbox: sandboxIdSchema.optional(), folder: z.string().max(4096).optional() });
const pageSchema = z.object({
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).optional(),
  cursor: z.string().max(400).optional(),
});
const commandBodySchema = z.strictObject({
  args: z.record(z.string(), z.unknown()).default({}),
  ...scopeSchema.shape,
  timeoutMs: z.number().int().positive().optional(),
});

/** Made once: a schema costs more than all that it checks. */
const objectSchema = z.record(z.string(), z.unknown());

const spareAborts = new SpareAborts();
const entityTags = new EntityTags();
const GONE = new SandboxError('CANCELLED', 'The client disconnected');

interface Asked {
  readonly command: CommandName;
  readonly args: Record<string, unknown>;
  readonly sandbox?: SandboxId | undefined;
  readonly folder?: string | undefined;
  readonly timeoutMs?: number | undefined;
}

/** Registers every resource and `/commands/<name>`, relative to the prefix of `app`. */
export function registerRest(app: FastifyInstance, options: RestOptions): void {
  for (const route of REST_ROUTES) {
    const inPath = pathParameters(route.path).filter((name) => name !== 'sandbox');
    app.route({
      method: route.method,
      url: route.path.replace(/\{(\w+)\}/g, ':$1'),
      handler: async (request, reply) => {
        const { asked, page } = readResource(route, inPath, request);
        const result = await perform(asked, isWrite(route), request, reply, options);
        reply.status(route.status ?? 200);
        return send(request, reply, route.items === undefined ? result : paged(result, route.items, route.key, page));
      },
    });
  }
  // One route for all of them: a hundred and more of their own are a fifth of a second at every start.
  app.post(commandPath(':command'), async (request, reply) => {
    const { command } = request.params as { command: string };
    if (!isCommandName(command)) return reply.callNotFound();
    refuseQuery(request);
    const body = parse(commandBodySchema, request.body ?? {}, 'the request body');
    const write = commandDefinition(command).effect === 'write';
    return send(request, reply, await perform({ command, ...body }, write, request, reply, options));
  });
}

function readResource(
  route: RestRoute,
  inPath: readonly string[],
  request: FastifyRequest,
): { asked: Asked; page: z.output<typeof pageSchema> } {
  const parameters = request.params as Record<string, string>;
  const query = { ...(request.query as Record<string, unknown>) };
  const page = route.items === undefined ? {} : parse(pageSchema, pick(query, ['limit', 'cursor']), 'the query');
  if (route.items !== undefined) drop(query, ['limit', 'cursor']);
  if (!takesQuery(route)) refuseQuery(request);
  const { sandbox: inBody, ...rest } = takesQuery(route) ? emptyBody(route, request.body) : asObject(request.body);
  const body = route.sandboxInBody === true || inBody === undefined ? rest : { ...rest, sandbox: inBody };
  // A body is JSON and has its types; path and query are text and get them from the schema.
  const text = {
    ...(takesQuery(route) ? query : {}),
    ...pick(parameters, inPath),
  };
  const args = { ...body, ...typed(route, text), ...route.fixed };
  const wanted = route.sandboxInBody === true ? inBody : parameters['sandbox'];
  return { asked: { command: route.command, args, sandbox: sandboxOf(wanted) }, page };
}

function typed(route: RestRoute, text: Readonly<Record<string, unknown>>): Record<string, unknown> {
  // Most have nothing to be read, and the schema is made when it is first asked for.
  return isEmpty(text) ? {} : coerceQuery(commandDefinition(route.command).args, text);
}

function sandboxOf(wanted: unknown): SandboxId | undefined {
  if (wanted === undefined) return undefined;
  // By hand where it is one: a schema costs more than all else that is read of a request.
  return typeof wanted === 'string' && isSandboxId(wanted) ? wanted : parse(sandboxIdSchema, wanted, 'the sandbox');
}

function isEmpty(object: object): boolean {
  for (const _name in object) return false;
  return true;
}

async function perform(
  asked: Asked,
  write: boolean,
  request: FastifyRequest,
  reply: FastifyReply,
  options: RestOptions,
): Promise<unknown> {
  const work = (signal: AbortSignal): Promise<unknown> =>
    options.run({
      command: asked.command,
      args: asked.args,
      origin: { kind: 'local', scopes: request.grant.scopes, access: request.grant },
      session: request.session,
      sandbox: asked.sandbox,
      folder: asked.folder,
      timeoutMs: asked.timeoutMs,
      signal,
    });
  const key = request.headers['idempotency-key'];
  if (!write || typeof key !== 'string') return whileConnected(reply, work);
  // It goes on without its client, who asks again under the key: cut off half done it would be forgotten and done twice.
  return options.keys.once(request.grant.tokenId, key, asked, () => work(new AbortController().signal));
}

async function whileConnected<T>(reply: FastifyReply, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const ended = spareAborts.take();
  // Once it is answered nobody waits, and an abort costs as much as the command.
  const abort = (): void => ended.abort(GONE);
  reply.raw.on('close', abort);
  try {
    return await work(ended.signal);
  } finally {
    reply.raw.off('close', abort);
    spareAborts.giveBack(ended);
  }
}

/** With an ETag where a client may poll: an unchanged answer is not sent again. */
function send(request: FastifyRequest, reply: FastifyReply, result: unknown): FastifyReply {
  const body = JSON.stringify(result);
  if (request.method === 'GET') {
    const tag = entityTags.of(body);
    const known = request.headers['if-none-match'];
    reply.header('etag', tag);
    if (known !== undefined && isKnown(known, tag)) return reply.status(304).send();
  }
  return reply.type('application/json').send(body);
}

/** Compared weakly, as RFC 9110 has it: a client or proxy may mark the tag as weak. */
function isKnown(ifNoneMatch: string, tag: string): boolean {
  return ifNoneMatch.split(',').some((each) => ['*', tag, `W/${tag}`].includes(each.trim()));
}

function paged(result: unknown, list: string, key: string | undefined, page: z.output<typeof pageSchema>): unknown {
  const whole = result as Record<string, unknown>;
  const { items, next } = pageOf(whole[list] as readonly unknown[], { ...page, key });
  return { ...whole, [list]: items, ...(next === undefined ? {} : { next }) };
}

function parse<S extends z.ZodType>(schema: S, value: unknown, what: string): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw badArgument(what, parsed.error);
}

/** What would be left out there may be what matters: to archive a sandbox instead of deleting it, for one. */
function emptyBody(route: RestRoute, body: unknown): { readonly sandbox?: undefined } {
  if (body === undefined) return {};
  const [name] = Object.keys(asObject(body));
  if (name === undefined) return {};
  throw new SandboxError('BAD_ARGUMENT', `Cannot use "${name.slice(0, 80)}" in the body of a ${route.method} request`, {
    hint: `Send it in the query: ?${name.slice(0, 80)}=…`,
  });
}

/** The same the other way: an invite's role, for one. */
function refuseQuery({ query, method }: FastifyRequest): void {
  const [name] = Object.keys(query as object);
  if (name === undefined) return;
  throw new SandboxError('BAD_ARGUMENT', `Cannot use "${name.slice(0, 80)}" in the query of a ${method} request`, {
    hint: 'Send it in the body, as JSON or CBOR.',
  });
}

function asObject(body: unknown): Record<string, unknown> {
  return body === undefined || body === null ? {} : parse(objectSchema, body, 'the request body');
}

function pick(from: Record<string, unknown>, names: readonly string[]): Record<string, unknown> {
  const picked: Record<string, unknown> = {};
  for (const name of names) if (from[name] !== undefined) picked[name] = from[name];
  return picked;
}

function drop(from: Record<string, unknown>, names: readonly string[]): void {
  for (const name of names) delete from[name];
}
