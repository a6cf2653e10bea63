// test: full
// test: limit 400 s
/**
 * The OpenAPI document against a real daemon with a program under it: a validator of its own accepts the document, and
 * whatever is sent to any operation, fitting or not, is answered in time, without a fault, as the document says.
 */

import { Validator } from '@seriousme/openapi-schema-validator';
import * as cbor from 'cborg';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { seedOf } from '#test/seed.ts';
import { fitting, hostile, type Overrides, spoilt } from './arbitraries.ts';
import { Conformance, type OpenApi, type Operation, operationsOf, type Reply } from './document.ts';
import { type ApiScene, withApiScene } from './scene.ts';
import { World } from './world.ts';

const REPLY_LIMIT_MS = 20_000;
const RUNS = { fitting: 6, spoilt: 10 };

/** They end what the others are tried on: tried with what fits at the very end. */
const LAST: readonly string[] = ['delete_sandboxes_by_sandbox', 'delete_node'];
/** The same commands by their other path, and one that lets go of the program. */
const FINAL: ReadonlySet<string> = new Set([
  ...LAST,
  'command_sandbox_leave',
  'command_daemon_stop',
  'command_target_detach',
  'command_target_terminate',
  'delete_sandboxes_by_sandbox_targets_by_target',
]);

/** They decide what the others may do: tried after them. */
const RULES = /policy_set|policy_level|key_protect/;
/** So many reach what they ask for with what fits; the others need a second member, a person or a debugger. */
const LEAST_DONE = 100;

interface Sent {
  readonly path: string;
  readonly body?: unknown;
  readonly asCbor: boolean;
}

function requests(operation: Operation, overrides: Overrides, fits: boolean): fc.Arbitrary<Sent> {
  const { parameters, body } = operation;
  const value = (name: string, schema = {}): fc.Arbitrary<unknown> => {
    const fit = overrides[name] ?? fitting(schema, overrides);
    return fits ? fit : fc.oneof({ weight: 2, arbitrary: fit }, { weight: 1, arbitrary: hostile });
  };
  const inPlace = (place: string) => parameters.filter((parameter) => parameter.in === place);
  const path = fc.record(Object.fromEntries(inPlace('path').map(({ name, schema }) => [name, value(name, schema)])));
  const query = fc.record(
    Object.fromEntries(
      inPlace('query').map(({ name, schema, content }) => [
        name,
        value(name, schema ?? content?.['application/json']?.schema),
      ]),
    ),
    { requiredKeys: inPlace('query').flatMap(({ name, required }) => (required === true ? [name] : [])) },
  );
  const fit = body === undefined ? fc.constant(undefined) : fitting(body, overrides);
  const names = Object.keys((body?.['properties'] ?? {}) as object);
  const sent = body === undefined || fits ? fit : spoilt(fit, names);
  return fc.record({ path, query, body: sent, asCbor: fc.boolean() }).map((parts) => ({
    path: urlOf(operation.path, parts.path as Record<string, unknown>, parts.query as Record<string, unknown>),
    ...(parts.body === undefined
      ? {}
      : { body: Object.hasOwn(body?.['properties'] ?? {}, 'timeoutMs') ? soon(parts.body) : parts.body }),
    asCbor: parts.asCbor,
  }));
}

/** Some commands wait for as long as they may: they are told not to. */
function soon(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body;
  const { timeoutMs = 300 } = body as { timeoutMs?: unknown };
  return { ...body, timeoutMs: typeof timeoutMs === 'number' ? Math.min(timeoutMs, 500) : timeoutMs };
}

function urlOf(template: string, path: Record<string, unknown>, query: Record<string, unknown>): string {
  const filled = template.replace(/\{(\w+)\}/g, (_all, name: string) => encodeURIComponent(asText(path[name])) || '-');
  const search = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(asText(value))}`);
  return search.length === 0 ? filled : `${filled}?${search.join('&')}`;
}

function asText(value: unknown): string {
  const plain = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  // Lone surrogates have no place in a URL, and "." and ".." are resolved by whoever sends.
  return plain
    .slice(0, 1000)
    .replace(/[\ud800-\udfff]/g, '?')
    .replace(/^\.{1,2}$/, 'dots');
}

async function send(
  scene: ApiScene,
  token: string,
  { method }: Operation,
  { path, body, asCbor }: Sent,
): Promise<Reply> {
  const type = asCbor ? 'application/cbor' : 'application/json';
  const bytes = body === undefined ? undefined : asCbor ? cborOf(body) : JSON.stringify(body);
  const response = await fetch(scene.origin + path, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(bytes === undefined ? {} : { 'content-type': type }) },
    ...(bytes === undefined ? {} : { body: bytes }),
    signal: AbortSignal.timeout(REPLY_LIMIT_MS),
  });
  return { status: response.status, type: response.headers.get('content-type') ?? '', text: await response.text() };
}

function cborOf(body: unknown): Uint8Array<ArrayBuffer> {
  return new Uint8Array(cbor.encode(JSON.parse(JSON.stringify(body))));
}

/** Tries one operation; the first reply that the document does not allow fails. */
async function tryOperation(
  { scene, world, conformance, token, seed, done }: Trial,
  operation: Operation,
  kind: keyof typeof RUNS,
): Promise<void> {
  const sendable = requests(operation, await world.refresh(operation), kind === 'fitting');
  const property = fc.asyncProperty(FINAL.has(operation.operationId) ? harmless(sendable) : sendable, async (sent) => {
    const reply = await send(scene, token, operation, sent);
    if (reply.status < 300) done.add(operation.operationId);
    const problem = conformance.problem(operation, reply);
    if (problem !== undefined) throw new Error(`${operation.method} ${sent.path.slice(0, 300)}: ${problem}`);
  });
  await fc.assert(property, { numRuns: RUNS[kind], seed, endOnFailure: true, includeErrorInReport: true });
}

interface Trial {
  readonly scene: ApiScene;
  readonly conformance: Conformance;
  readonly world: World;
  readonly seed: number;
  readonly token: string;
  /** Operations that did something at least once. */
  readonly done: Set<string>;
}

test('the document is valid, and every operation answers by it whatever it is sent', () =>
  withApiScene(async (scene) => {
    const document = (await (await fetch(`${scene.origin}/api/v1/openapi.json`)).json()) as OpenApi;
    const { valid, errors } = await new Validator().validate(
      structuredClone(document) as unknown as Record<string, unknown>,
    );
    assert.ok(valid, `${JSON.stringify(errors)}`.slice(0, 2000));

    const pid = await scene.member.daemonPid();
    const access = await scene.access();
    const trial: Trial = {
      scene,
      world: new World(scene, access),
      conformance: new Conformance(document),
      token: access,
      done: new Set(),
      seed: seedOf('conformance'),
    };
    const [rules, others] = partition(operationsOf(document), ({ operationId }) => RULES.test(operationId));
    const operations = [...others, ...rules];
    assert.ok(operations.length > 100, `${operations.length} operations`);
    for (const operation of operations) {
      const ends = FINAL.has(operation.operationId);
      if (!ends) await tryOperation(trial, operation, 'fitting');
      // Without a body or a query to spoil, what does not fit may still end it all.
      if (!ends || operation.body !== undefined) await tryOperation(trial, operation, 'spoilt');
    }
    assert.ok(trial.done.size >= LEAST_DONE, `only ${trial.done.size} operations were ever done`);
    assert.equal(scene.log(50), [], 'no fault of its own');
    assert.is(await scene.member.daemonPid(), pid, 'the same daemon');

    for (const name of LAST) {
      const operation = operations.find(({ operationId }) => operationId === name) as Operation;
      const path = operation.path.replace('{sandbox}', scene.sandbox);
      const reply = await send(scene, access, operation, { path, asCbor: false });
      assert.is(trial.conformance.problem(operation, reply), undefined);
      assert.ok(reply.status < 300, reply.text);
    }
  }));

function partition<T>(all: readonly T[], test: (one: T) => boolean): [T[], T[]] {
  return [all.filter(test), all.filter((one) => !test(one))];
}

/** Of an operation that ends things only what no parser lets through is sent. */
function harmless(sent: fc.Arbitrary<Sent>): fc.Arbitrary<Sent> {
  return sent.map(({ body, ...rest }) => {
    const record = typeof body === 'object' && body !== null && !Array.isArray(body) ? body : { args: body };
    return { ...rest, body: { ...record, unheardOf: 1 } };
  });
}

test('the judge of replies bites', () => {
  const schema = {
    type: 'object',
    properties: { id: { type: 'string' } },
    required: ['id'],
    additionalProperties: false,
  };
  const problem = { type: 'object', properties: { code: { enum: ['BAD_ARGUMENT'] } }, required: ['code'] };
  const responses = {
    200: { description: '', content: { 'application/json': { schema } } },
    default: { $ref: '#/components/responses/Problem' },
  };
  const document = {
    paths: { '/x': { get: { operationId: 'x', responses } } },
    components: { responses: { Problem: { content: { 'application/problem+json': { schema: problem } } } } },
  };
  const [operation] = operationsOf(document);
  const judge = (status: number, body: unknown, type = 'application/json') =>
    new Conformance(document).problem(operation as Operation, { status, type, text: JSON.stringify(body) });
  assert.is(judge(200, { id: 'a' }), undefined);
  assert.is(judge(400, { code: 'BAD_ARGUMENT' }, 'application/problem+json'), undefined);
  for (const wrong of [
    judge(200, {}),
    judge(200, { id: 1 }),
    judge(200, { id: 'a', more: 1 }),
    judge(201, { id: 'a' }),
    judge(200, { id: 'a' }, 'text/plain'),
    judge(500, { code: 'BAD_ARGUMENT' }, 'application/problem+json'),
    judge(400, { code: 'OTHER' }, 'application/problem+json'),
  ]) {
    assert.type(wrong, 'string');
  }
});

test.run();
