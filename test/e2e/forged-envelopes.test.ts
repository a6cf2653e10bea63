// test: full
// test: limit 300 s
/**
 * What no honest daemon may accept, sent over real links to a real daemon by a member who signs it well: each ends the
 * link that brought it, has no effect at the daemon or behind it, and keeps nobody busy.
 */

import * as encoding from 'lib0/encoding';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as Y from 'yjs';
import { NodeCrypto } from '#node/security/crypto.ts';
import { EnvelopeKind, parseEnvelope } from '#protocol/envelope.ts';
import { parseLink } from '#protocol/link.ts';
import { encodeReplicationMessage, type ReplicationMessage } from '#protocol/replication-messages.ts';
import { clientIdOf } from '#shared/documents/client-id.ts';
import { encodeRegisterWrites } from '#shared/documents/register-table.ts';
import type { MemberId, SandboxId } from '#shared/ids.ts';
import { until } from '#test/until.ts';
import { type Draft, ForgedChain } from '../simulate/forgery.ts';
import { Intruder } from './mesh/intruder.ts';
import { eventually, type Member, withMembers } from './mesh/members.ts';

const crypto = new NodeCrypto();
const HOST = 1 as MemberId;

interface Scene {
  readonly host: Member;
  readonly guest: Member;
  readonly mallory: Intruder;
  /** One more, who has joined. */
  intruder(name: string): Promise<Intruder>;
}

function withScene(body: (scene: Scene) => Promise<void>): Promise<void> {
  return withMembers(async ({ base, member }) => {
    const [host, guest] = [member('host', 'work'), member('guest', 'work')];
    const { link } = await host.ask('sandbox.open', 'open');
    await guest.join(link as string, host, 'guest');
    const intruders: Intruder[] = [];
    const intruder = async (name: string): Promise<Intruder> => {
      const made = await host.ask('invite.create', 'invite', '--role', 'debugger', '--approve', 'no');
      const created = new Intruder(name, base);
      intruders.push(created);
      await created.join(parseLink(made.link as string, crypto));
      await online(created);
      return created;
    };
    try {
      await body({ host, guest, mallory: await intruder('mallory'), intruder });
    } finally {
      await Promise.all(intruders.map((each) => each.end()));
    }
  });
}

const online = (intruder: Intruder): Promise<boolean> =>
  until(() => intruder.network.connected(intruder.replica.sandbox).includes(HOST), `${intruder.name} meets the host`);

async function breakpointsAt(member: Member): Promise<string[]> {
  return (await member.see('breakpoint.list')).breakpoints.map(({ id }) => id);
}

let incarnations = 1000;

/** A chain of its own, so that nothing else stands on it. */
function newChain(
  { replica, signingKey }: Pick<Intruder, 'replica' | 'signingKey'>,
  member = replica.self,
): ForgedChain {
  return new ForgedChain({
    sandbox: replica.sandbox,
    member,
    incarnation: ++incarnations,
    signer: { publicKey: signingKey.publicKey, sign: (message) => signingKey.sign(message) },
    crypto,
    position: (seq) => [seq, ...replica.controlLog.state.position.slice(1)],
  });
}

function headsOf({ replica }: Intruder): Draft['deps'] {
  return replica.chains
    .heads()
    .map(({ member, incarnation, seq, hash }) => ({ member, incarnation, seq, hash: hash.slice() }));
}

/** A well-formed write of a breakpoint, to change something of. */
function honest(mallory: Intruder, chain: ForgedChain, id: string): Draft {
  const doc = new Y.Doc();
  Y.applyUpdate(doc, Y.encodeStateAsUpdate(mallory.replica.document('debug')));
  const update = chain.update(doc, (live) => live.getMap('breakpoints').set(id, mallory.record(id)));
  if (update === undefined) throw new Error('nothing was written');
  return {
    document: 'debug',
    control: mallory.replica.control.seq,
    kind: EnvelopeKind.update,
    deps: headsOf(mallory),
    ...update,
  };
}

/** A Yjs update by hand: numbers as varints, texts with their length, bytes as they are. */
function raw(...parts: (number | string | Uint8Array)[]): Uint8Array {
  const encoder = encoding.createEncoder();
  for (const part of parts) {
    if (typeof part === 'number') encoding.writeVarUint(encoder, part);
    else if (typeof part === 'string') encoding.writeVarString(encoder, part);
    else encoding.writeUint8Array(encoder, part);
  }
  return encoding.toUint8Array(encoder);
}

const info = (value: number): Uint8Array => new Uint8Array([value]);

function anyNested(depth: number): Uint8Array {
  let value: unknown = 1;
  for (let i = 0; i < depth; i++) value = [value];
  const encoder = encoding.createEncoder();
  encoding.writeAny(encoder, value as never);
  return encoding.toUint8Array(encoder);
}

/** Maps in maps, the outermost deleted at once. */
function nestedMaps(client: number, depth: number): Uint8Array {
  const parts: (number | string | Uint8Array)[] = [1, depth, client, 0];
  for (let i = 0; i < depth; i++) {
    if (i === 0) parts.push(info(0x27), 1, 'breakpoints', '9.nested', 1);
    else parts.push(info(0x27), 0, client, i - 1, 'k', 1);
  }
  return raw(...parts, 1, client, 1, 0, 1);
}

/** Payloads in the place of an honest one. @param client the forger's own */
const PAYLOADS: Readonly<Record<string, (client: number, hostClient: number, hostClock: number) => Uint8Array>> = {
  "the host's clientID at its next clock": (_client, host, clock) =>
    raw(1, 1, host, clock, info(0x28), 1, 'breakpoints', '9.stolen', 1, anyNested(0), 0),
  'a delete set that names what is not written yet': (_client, host, clock) => raw(0, 1, host, 1, clock + 50, 200),
  'an item beside one that is nowhere': (client, host, clock) =>
    raw(1, 1, client, 0, info(0x88), host, clock + 7, 1, anyNested(0), 0),
  'an item in a parent that is nowhere': (client) =>
    raw(1, 1, client, 0, info(0x28), 0, client, 99, '9.k', 1, anyNested(0), 0),
  'two clients': (client, host, clock) => raw(2, 1, client, 0, info(0), 1, 1, host, clock, info(0), 1, 0),
  'a skipped clock': (client) =>
    raw(1, 2, client, 0, info(10), 5, info(0x28), 1, 'breakpoints', '9.skip', 1, anyNested(0), 0),
  '2,000 gaps': (client) =>
    raw(1, 2000, client, 0, ...Array.from({ length: 1000 }, () => [info(10), 3, info(0), 1]).flat(), 0),
  'a deletion of 2^50 clocks': (client) => raw(1, 1, client, 0, info(0x21), 1, 'breakpoints', '9.long', 2 ** 50, 0),
  'a GC of 2^50 clocks': (client) => raw(1, 1, client, 0, info(0), 2 ** 50, 0),
  'a value nested 400 deep': (client) =>
    raw(1, 1, client, 0, info(0x28), 1, 'breakpoints', '9.deep', 1, anyNested(400), 0),
  'maps nested 1,900 deep and a delete': (client) => nestedMaps(client, 1900),
  'a subdocument': (client) => raw(1, 1, client, 0, info(0x29), 1, 'breakpoints', '9.sub', 'guid', anyNested(0), 0),
  'a key of the prototype': (client) =>
    raw(1, 1, client, 0, info(0x28), 1, 'breakpoints', '__proto__', 1, anyNested(0), 0),
  'a trailing byte': (client) => raw(1, 1, client, 0, info(0x28), 1, 'breakpoints', '9.tail', 1, anyNested(0), 0, 0),
  nothing: () => raw(0, 0),
  'no update at all': () => new Uint8Array([0xff, 0xff, 0xff]),
};

/** Whole envelopes that are wrong in something else than their payload. */
const ENVELOPES: Readonly<Record<string, (mallory: Intruder) => Uint8Array>> = {
  'another sandbox': (mallory) => {
    const chain = newChain(mallory);
    return chain.seal(honest(mallory, chain, '9.sandbox'), { sandbox: 'ab'.repeat(20) as SandboxId });
  },
  'the host as its author': (mallory) => {
    const chain = newChain(mallory, HOST);
    return chain.seal(honest(mallory, chain, '9.author'));
  },
  'a document its role may not write': (mallory) => {
    const chain = newChain(mallory);
    const update = chain.update(new Y.Doc(), (doc) => doc.getText('text').insert(0, '9'));
    return chain.seal({ ...honest(mallory, chain, '9.role'), deps: [], ...update, document: 'draft/app.js' });
  },
  "another's registers": (mallory) => {
    const payload = encodeRegisterWrites([['target/9', { pid: 1 }]]);
    const draft = { document: 'host/1', control: mallory.replica.control.seq, kind: EnvelopeKind.registers, deps: [] };
    return newChain(mallory).seal({ ...draft, clock: 0, payload });
  },
};

/** Sends one message and waits until the host ends the link. */
async function assertRefused(mallory: Intruder, what: string, message: ReplicationMessage): Promise<void> {
  await online(mallory);
  const { link } = mallory;
  let closed = false;
  link?.onClose(() => {
    closed = true;
  });
  link?.send(encodeReplicationMessage(message, () => undefined));
  await until(() => closed, `the host ends the link: ${what}`);
  // Dialing again by itself would wait ever longer.
  await mallory.goOffline();
  await mallory.connect();
}

async function assertUnharmed({ host, guest }: Scene, pid: number): Promise<void> {
  const { id } = await host.ask('breakpoint.add', 'break', 'add', 'marker.js:1');
  await eventually('a marker at the guest', async () => ((await breakpointsAt(guest)).includes(id) ? true : undefined));
  for (const member of [host, guest]) {
    const ids = await breakpointsAt(member);
    assert.equal(
      ids.filter((each) => !each.startsWith('1.')),
      [],
    );
    const { sandboxes } = await member.ask('storage.verify', 'verify');
    assert.equal(
      sandboxes.flatMap(({ problems }) => problems),
      [],
    );
  }
  assert.is(await host.daemonPid(), pid, 'the same daemon');
}

test('payloads that no document may get end the link and change nothing, here or behind', () =>
  withScene(async (scene) => {
    const { host, mallory } = scene;
    await host.ask('breakpoint.add', 'break', 'add', 'app.js:1');
    const pid = await host.daemonPid();
    await until(() => mallory.replica.document('debug').getMap('breakpoints').size === 1, 'mallory has it');
    for (const [what, payloadOf] of Object.entries(PAYLOADS)) {
      await online(mallory);
      const chain = newChain(mallory);
      const head = mallory.replica.chains.heads().find(({ member }) => member === HOST);
      const hostClient = clientIdOf(HOST, head?.incarnation ?? 0);
      const hostClock = Y.getState(mallory.replica.document('debug').store, hostClient);
      const payload = payloadOf(chain.client, hostClient, hostClock);
      const bytes = chain.seal({ ...honest(mallory, chain, '9.x'), clock: 0, payload });
      assert.ok(parseEnvelope(bytes, crypto), 'its form is right');
      await assertRefused(mallory, what, { type: 'envelopes', envelopes: [bytes] });
    }
    await assertUnharmed(scene, pid);
  }));

test('envelopes for elsewhere and in the name of others end the link and change nothing', () =>
  withScene(async (scene) => {
    const { host, mallory } = scene;
    for (const line of [1, 2]) await host.ask('breakpoint.add', 'break', 'add', `app.js:${line}`);
    const pid = await host.daemonPid();
    await until(() => mallory.replica.document('debug').getMap('breakpoints').size === 2, 'mallory has them');
    for (const [what, make] of Object.entries(ENVELOPES)) {
      await online(mallory);
      await assertRefused(mallory, what, { type: 'envelopes', envelopes: [make(mallory)] });
    }
    await assertUnharmed(scene, pid);
  }));

test('two envelopes in one slot have no effect; 4,000 that follow nothing keep nobody waiting', () =>
  withScene(async (scene) => {
    const { host, guest, mallory } = scene;
    await host.ask('breakpoint.add', 'break', 'add', 'app.js:1');
    const pid = await host.daemonPid();
    await until(() => mallory.replica.document('debug').getMap('breakpoints').size === 1, 'mallory has it');
    // Eve signs, and is gone; mallory passes on. Her own daemon would write such records again, as an honest one does.
    const eve = await scene.intruder('eve');
    const chain = newChain({ replica: mallory.replica, signingKey: eve.signingKey }, eve.replica.self);
    await eve.end();
    await until(() => mallory.replica.control.members.has(eve.replica.self), 'mallory knows her');
    const twin = chain.fork();
    const pair = [chain.seal(honest(mallory, chain, '9.left')), twin.seal(honest(mallory, twin, '9.right'))];
    mallory.link?.send(encodeReplicationMessage({ type: 'envelopes', envelopes: pair }, () => undefined));
    const other = newChain(mallory);
    const draft = honest(mallory, other, '9.gap');
    const loose: Uint8Array[] = [];
    for (let n = 0; n < 4000; n++)
      loose.push(
        other.fork().seal(draft, { seq: 2 * n + 3, previous: crypto.sha256(new Uint8Array([n % 256, n >> 8])) }),
      );
    for (let at = 0; at < loose.length; at += 500) {
      mallory.link?.send(
        encodeReplicationMessage({ type: 'envelopes', envelopes: loose.slice(at, at + 500) }, () => undefined),
      );
    }
    const ask = await host.ask('breakpoint.add', 'break', 'add', 'app.js:2');
    await eventually('an edit gets through', async () =>
      (await breakpointsAt(guest)).includes(ask.id) ? true : undefined,
    );
    await mallory.goOffline();
    await assertUnharmed(scene, pid);
  }));

test.run();
