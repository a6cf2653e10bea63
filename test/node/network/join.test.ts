// test: limit 90 s
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { JoinProgress } from '#node/network/join.ts';
import type { JoinDecision, JoinRequest } from '#node/network/join-desk.ts';
import { PeerHost } from '#node/network/peer-host.ts';
import { createSigningKey, fingerprintOf, type SigningKey, signingKeyFromSeed } from '#node/security/identity.ts';
import { Channel } from '#protocol/channel.ts';
import { JOIN_PROTOCOL, type JoinProof, joinProofBytes } from '#protocol/join-messages.ts';
import { parseHex, toHex } from '#shared/bytes.ts';
import { SandboxError } from '#shared/errors.ts';
import { loopbackAddress } from './link-proxy.ts';
import { type Daemon, failureOf, meet, never, until, withWorld } from './network-fixture.ts';

test('a joiner with a good link becomes a member and both see each other', () =>
  withWorld(async (world) => {
    const owner = await world.owner();
    const guest = await world.daemon('grace');
    const { link, record } = await world.invite(owner);
    const member = await world.join(guest, link);
    assert.is(member, 2);
    await meet(owner, guest);
    assert.is(owner.replica.control.members.get(member)?.name, 'grace');
    assert.is(owner.replica.control.members.get(member)?.role, 'debugger');
    assert.is(owner.replica.control.invites.get(record.publicKey)?.used, 1);
  }));

test('a joiner waits for the approval it is told of, and gets the role the person chose', () =>
  withWorld(async (world) => {
    const owner = await world.owner();
    const guest = await world.daemon('grace');
    const progress: JoinProgress[] = [];
    let asked: JoinRequest | undefined;
    let answer: (decision: JoinDecision) => void = () => undefined;
    owner.approve = (request) => {
      asked = request;
      return new Promise((resolve) => {
        answer = resolve;
      });
    };
    const { link } = await world.invite(owner, { approval: true });
    const joining = world.join(guest, link, { onProgress: (step) => progress.push(step) });
    await until(() => progress.some((step) => step.state === 'waiting'), 'the joiner waits');
    assert.equal(progress.at(-1), { state: 'waiting', admitter: 'ada', carried: false, away: false });
    assert.is(asked?.name, 'grace');
    assert.is(asked?.fingerprint, fingerprintOf(guest.key.publicKey));
    assert.is(owner.replica.control.members.size, 1);
    answer({ approved: true, role: 'viewer' });
    const member = await joining;
    assert.is(owner.replica.control.members.get(member)?.role, 'viewer');
  }));

test('whoever said yes hears when the joiner could not be let in after all', () =>
  withWorld(async (world) => {
    const [owner, guest] = [await world.owner(), await world.daemon('grace')];
    const { link, record } = await world.invite(owner, { approval: true });
    const outcomes: string[] = [];
    owner.approve = async ({ admitted }) => {
      admitted.then(
        (member) => outcomes.push(`member ${member}`),
        (error: SandboxError) => outcomes.push(error.code),
      );
      return { approved: true, role: 'viewer' };
    };
    const { authority } = owner.replica;
    const full = new SandboxError('HOME_UNWRITABLE', 'Cannot write: the disk is full');
    const unable = Object.assign(Object.create(authority as object), { grant: () => Promise.reject(full) });
    Object.defineProperty(owner.replica, 'authority', { value: unable, configurable: true });
    assert.is((await failureOf(world.join(guest, link))).code, 'INTERNAL');
    assert.equal(outcomes, ['HOME_UNWRITABLE']);
    Reflect.deleteProperty(owner.replica, 'authority');
    assert.is(await world.join(guest, link), 2);
    assert.equal(outcomes, ['HOME_UNWRITABLE', 'member 2']);
    assert.is(owner.replica.control.invites.get(record.publicKey)?.used, 1);
  }));

test('a joiner is not sent to its own disk when that of the owner is full, nor told where things lie there', () =>
  withWorld(async (world) => {
    const [owner, guest] = [await world.owner(), await world.daemon('grace')];
    const full = async () => {
      throw new SandboxError('HOME_UNWRITABLE', 'Cannot write "/home/ada/x"', { hint: 'Free some space on the disk.' });
    };
    owner.approve = full;
    const { link } = await world.invite(owner, { approval: true });
    const told = async (work: Promise<unknown>) => {
      const { code, message, hint } = await failureOf(work);
      return [code, /own disk/.test(message), /ada|space/.test(`${message} ${hint}`)];
    };
    assert.equal(await told(world.join(guest, link)), ['INTERNAL', true, false]);
    owner.approve = async () => ({ approved: true, role: 'viewer' });
    await world.join(guest, link);
    owner.onCall = full;
    await meet(owner, guest);
    const call = guest.network.call(owner.replica.sandbox, owner.replica.self, 'x', {});
    assert.equal(await told(call), ['INTERNAL', true, false]);
  }));

test('an approval never gives more than the invite does', () =>
  withWorld(async (world) => {
    const owner = await world.owner();
    const guest = await world.daemon('grace');
    owner.approve = async () => ({ approved: true, role: 'owner' });
    const { link } = await world.invite(owner, { approval: true, role: 'viewer' });
    const member = await world.join(guest, link);
    assert.is(owner.replica.control.members.get(member)?.role, 'viewer');
  }));

test('a denied joiner is told so, and is not asked about again', () =>
  withWorld(async (world) => {
    const owner = await world.owner();
    const guest = await world.daemon('mallory');
    let prompts = 0;
    owner.approve = async () => {
      prompts += 1;
      return { approved: false };
    };
    const { link } = await world.invite(owner, { approval: true });
    for (let round = 0; round < 3; round++) {
      assert.is((await failureOf(world.join(guest, link))).code, 'JOIN_DENIED');
    }
    assert.is(prompts, 1);
    assert.is(owner.replica.control.members.size, 1);
  }));

test('a single-use link is used up by the first, expired and withdrawn ones are told apart', () =>
  withWorld(async (world) => {
    const owner = await world.owner();
    const first = await world.daemon('first');
    const second = await world.daemon('second');
    const single = await world.invite(owner);
    await world.join(first, single.link);
    assert.is((await failureOf(world.join(second, single.link))).code, 'INVITE_USED');
    const expired = await world.invite(owner, { expiresAt: Date.now() + 200 });
    await until(() => Date.now() > expired.record.expiresAt, 'the invite expires');
    assert.is((await failureOf(world.join(second, expired.link))).code, 'INVITE_EXPIRED');
    const withdrawn = await world.invite(owner);
    await owner.replica.authority?.revokeInvite(withdrawn.record.publicKey);
    const error = await failureOf(world.join(second, withdrawn.link));
    assert.is(error.code, 'INVITE_REVOKED');
    assert.match(error.hint ?? '', 'new link');
    assert.is(owner.replica.control.members.size, 2);
  }));

test('of five who race for a single-use link one gets in', () =>
  withWorld(async (world) => {
    const owner = await world.owner();
    const { link } = await world.invite(owner);
    const guests = await Promise.all([1, 2, 3, 4, 5].map((n) => world.daemon(`guest${n}`)));
    const results = await Promise.allSettled(guests.map((guest) => world.join(guest, link)));
    assert.is(results.filter((result) => result.status === 'fulfilled').length, 1);
    for (const result of results) if (result.status === 'rejected') assert.is(result.reason.code, 'INVITE_USED');
    assert.is(owner.replica.control.members.size, 2);
  }));

test('two who wait with one single-use link: the yes to one ends the question about the other', () =>
  withWorld(async (world) => {
    const owner = await world.owner();
    const { link } = await world.invite(owner, { approval: true });
    const questions = new Map<string, (decision: JoinDecision) => void>();
    const moot: string[] = [];
    owner.approve = (request, signal) =>
      new Promise((resolve) => {
        questions.set(request.name, resolve);
        signal.addEventListener('abort', () => moot.push(request.name));
      });
    const [first, second] = [await world.daemon('first'), await world.daemon('second')];
    const joining = world.join(first, link);
    const waiting = failureOf(world.join(second, link));
    await until(() => questions.size === 2, 'both are asked about');
    questions.get('first')?.({ approved: true, role: 'viewer' });
    assert.is(await joining, 2);
    assert.is((await waiting).code, 'INVITE_USED');
    assert.equal(moot, ['second']);
  }));

test('a link that is withdrawn while its joiner waits ends the question and the wait', () =>
  withWorld(async (world) => {
    const [owner, guest] = [await world.owner(), await world.daemon('grace')];
    const { link, record } = await world.invite(owner, { approval: true });
    let moot: AbortSignal | undefined;
    owner.approve = (_request, signal) => {
      moot = signal;
      return new Promise(() => undefined);
    };
    const waiting = failureOf(world.join(guest, link));
    await until(() => moot !== undefined, 'the owner is asked');
    await owner.replica.authority?.createInvite({ ...record, publicKey: createSigningKey().publicKey });
    assert.not(moot?.aborted, 'another link is none of its business');
    await owner.replica.authority?.revokeInvite(record.publicKey);
    assert.is((await waiting).code, 'INVITE_REVOKED');
    assert.ok(moot?.aborted);
  }));

test('a link with another secret, or of a sandbox that is not there, opens nothing and tells nothing', () =>
  withWorld(async (world) => {
    const owner = await world.owner();
    const guest = await world.daemon('mallory');
    const { link } = await world.invite(owner);
    const wrongSecret = await failureOf(world.join(guest, { ...link, inviteSeed: createSigningKey().seed }));
    const elsewhere = await world.owner('bob');
    const other = await world.invite(elsewhere);
    const wrongSandbox = await failureOf(world.join(guest, { ...other.link, peers: link.peers }));
    assert.is(wrongSecret.code, 'UNAUTHENTICATED');
    assert.equal(
      { code: wrongSandbox.code, message: wrongSandbox.message },
      { code: wrongSecret.code, message: wrongSecret.message },
    );
    assert.is(owner.replica.control.members.size, 1);
  }));

/** A joiner that says what a test wants it to say. */
async function withRawJoiner(
  owner: Daemon,
  use: (call: (command: string, args: object) => Promise<unknown>, device: SigningKey) => Promise<void>,
): Promise<void> {
  const device = createSigningKey();
  const host = new PeerHost({ key: device, portFile: undefined, gate: () => false });
  await host.start();
  try {
    const connection = await host.dial(owner.key.publicKey, owner.network.addresses(), never());
    const stream = await connection.newStream(JOIN_PROTOCOL);
    const channel = new Channel({ send: (bytes) => void stream.send(bytes) });
    stream.addEventListener('message', (event) => channel.receive(event.data.subarray()));
    stream.addEventListener('close', () => channel.close(new SandboxError('PEER_UNREACHABLE', 'closed')));
    await use((command, args) => channel.call(command, args), device);
  } finally {
    await host.stop();
  }
}

test('a proof must be signed by the invite, for this device, this admitter and this challenge, once', () =>
  withWorld(async (world) => {
    const owner = await world.owner();
    const { link, record } = await world.invite(owner);
    const invite = signingKeyFromSeed(link.inviteSeed);
    const other = createSigningKey();
    const wrong: ((right: JoinProof) => { proof: JoinProof; signer: SigningKey })[] = [
      (right) => ({ proof: right, signer: other }),
      (right) => ({ proof: { ...right, joiner: other.publicKey }, signer: invite }),
      (right) => ({ proof: { ...right, admitter: other.publicKey }, signer: invite }),
      (right) => ({ proof: { ...right, nonce: new Uint8Array(32) }, signer: invite }),
    ];
    const proveWith = async (make: (typeof wrong)[number], begin = true): Promise<unknown> => {
      let result: unknown;
      await withRawJoiner(owner, async (call, device) => {
        const challenge = begin
          ? ((await call('join.begin', { version: 1 })) as { nonce: string }).nonce
          : '00'.repeat(32);
        const { sandbox } = link;
        const keys = { invite: invite.publicKey, joiner: device.publicKey, admitter: owner.key.publicKey };
        const { proof, signer } = make({ sandbox, ...keys, nonce: parseHex(challenge) as Uint8Array });
        const signature = toHex(signer.sign(joinProofBytes(proof)));
        result = await call('join.prove', { sandbox, invite: record.publicKey, signature, name: 'm' }).catch((e) => e);
      });
      return result;
    };
    for (const make of wrong) assert.is(((await proveWith(make)) as SandboxError).code, 'UNAUTHENTICATED');
    const right: (typeof wrong)[number] = (proof) => ({ proof, signer: invite });
    assert.is(((await proveWith(right, false)) as SandboxError).code, 'UNAUTHENTICATED');
    assert.is(owner.replica.control.members.size, 1);
    assert.is(((await proveWith(right)) as { member: number }).member, 2);
  }));

test('an admitter takes three wrong proofs on a stream and nothing but join commands', () =>
  withWorld(async (world) => {
    const owner = await world.owner();
    await withRawJoiner(owner, async (call) => {
      const unknown = await failureOf(call('member.list', {}));
      assert.is(unknown.code, 'UNKNOWN_COMMAND');
      assert.is((await failureOf(call('join.begin', { version: 2 }))).code, 'VERSION_UNSUPPORTED');
      assert.is((await failureOf(call('join.prove', { sandbox: 'x' }))).code, 'BAD_ARGUMENT');
      const args = { sandbox: owner.replica.sandbox, invite: '0'.repeat(64), signature: '0'.repeat(128), name: 'm' };
      assert.is((await failureOf(call('join.prove', args))).code, 'UNAUTHENTICATED');
      assert.is((await failureOf(call('join.prove', args))).code, 'UNAUTHENTICATED');
      assert.is((await failureOf(call('join.prove', args))).code, 'PEER_UNREACHABLE');
    });
  }));

test('a joiner refuses a control log that is not the one its link names', () =>
  withWorld(async (world) => {
    const owner = await world.owner();
    const guest = await world.daemon('grace');
    const impostor = await world.owner('impostor');
    const { link } = await world.invite(owner);
    // The impostor admits everybody, under its own sandbox's log.
    const entries = impostor.replica.controlEntries();
    owner.replica.controlEntries = () => entries;
    assert.is((await failureOf(world.join(guest, link))).code, 'BAD_CONTROL_ENTRY');
  }));

test('a joiner that lost its connection while waiting comes back to the same question', () =>
  withWorld(async (world) => {
    const owner = await world.owner();
    const guest = await world.daemon('grace');
    const progress: string[] = [];
    let prompts = 0;
    let answer: (decision: JoinDecision) => void = () => undefined;
    owner.approve = () => {
      prompts += 1;
      return new Promise((resolve) => {
        answer = resolve;
      });
    };
    const { link } = await world.invite(owner, { approval: true });
    const joining = world.join(guest, link, { onProgress: (step) => progress.push(step.state) });
    await until(() => progress.includes('waiting'), 'the joiner waits');
    await guest.network.setReach('lan');
    await until(() => progress.filter((state) => state === 'waiting').length === 2, 'it waits again', 20_000);
    assert.ok(progress.includes('retrying'));
    assert.is(prompts, 1);
    answer({ approved: true, role: 'debugger' });
    assert.is(await joining, 2);
  }));

test('who was approved while away gets in without another question', () =>
  withWorld(async (world) => {
    const owner = await world.owner();
    const guest = await world.daemon('grace');
    let prompts = 0;
    let answer: (decision: JoinDecision) => void = () => undefined;
    owner.approve = () => {
      prompts += 1;
      return new Promise((resolve) => {
        answer = resolve;
      });
    };
    const { link } = await world.invite(owner, { approval: true });
    const controller = new AbortController();
    const joining = failureOf(world.join(guest, link, { signal: controller.signal }));
    await until(() => prompts === 1, 'the owner is asked');
    controller.abort(new Error('lid closed'));
    assert.is((await joining).message, 'lid closed');
    answer({ approved: true, role: 'debugger' });
    await until(() => owner.replica.control.members.size === 2, 'it is granted');
    assert.is(await world.join(guest, link), 2);
    assert.is(prompts, 1);
  }));

test('a question that runs out is put again: silence is no answer', () =>
  withWorld(async (world) => {
    const owner = await world.owner();
    const guest = await world.daemon('grace');
    const progress: JoinProgress[] = [];
    let prompts = 0;
    owner.approve = async (request) => {
      prompts += 1;
      if (prompts === 1) throw new SandboxError('CANCELLED', 'The question was closed before anybody answered it');
      return { approved: true, role: request.invite.role };
    };
    const { link } = await world.invite(owner, { approval: true });
    assert.is(await world.join(guest, link, { onProgress: (step) => progress.push(step) }), 2);
    const retrying = progress.find((step) => step.state === 'retrying');
    assert.equal([retrying?.error.code, prompts], ['TIMEOUT', 2]);
    assert.match(retrying?.error.message ?? '', 'nobody answered');
  }));

test('a link to nobody fails within 10 s, and is tried on when asked to', () =>
  withWorld(async (world) => {
    const owner = await world.owner();
    const guest = await world.daemon('grace');
    const { link } = await world.invite(owner);
    await owner.network.stop();
    const started = Date.now();
    const error = await failureOf(world.join(guest, link));
    assert.is(error.code, 'PEER_UNREACHABLE');
    assert.ok(error.hint);
    assert.ok(Date.now() - started < 10_000);
    const progress: string[] = [];
    const joining = world.join(guest, link, { keepTrying: true, onProgress: (step) => progress.push(step.state) });
    await until(() => progress.includes('retrying'), 'it tries again');
    await owner.restart();
    assert.is(await joining, 2);
  }));

test('a link to an address that swallows everything fails within 10 s', () =>
  withWorld(async (world) => {
    const sockets = new Set<Socket>();
    const hole = createServer((socket) => void sockets.add(socket));
    await new Promise<void>((resolve) => hole.listen(0, '127.0.0.1', resolve));
    const owner = await world.owner();
    const guest = await world.daemon('grace');
    const { link } = await world.invite(owner);
    const { port } = hole.address() as AddressInfo;
    const started = Date.now();
    const work = guest.network.joinByLink(
      { ...link, peers: [{ key: owner.key.publicKey, addresses: [loopbackAddress(port)] }] },
      { name: 'grace', signal: never() },
    );
    assert.is((await failureOf(work)).code, 'PEER_UNREACHABLE');
    assert.ok(Date.now() - started < 10_000);
    for (const socket of sockets) socket.destroy();
    hole.close();
  }));

test.run();
