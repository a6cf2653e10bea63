/** An owner restored from a backup: it signs nothing twice where somebody can be reached, and what follows where not. */

import { randomBytes } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { nodeEnvironment } from '#node/network/replication/environment.ts';
import { openSandbox } from '#node/network/replication/open-replica.ts';
import { NodeCrypto, signerFromSeed } from '#node/security/crypto.ts';
import { type ControlSigner, controlSignerFromSeed } from '#protocol/control-entry.ts';
import { toHex } from '#shared/bytes.ts';
import type { DocumentName } from '#shared/documents/document-name.ts';
import { SandboxError } from '#shared/errors.ts';
import type { Role } from '#shared/rights.ts';
import type { MemoryLogFile } from '../memory-log-file.ts';
import {
  admit,
  contentOf,
  type Fixture,
  level,
  link,
  type Node,
  newSigner,
  until,
  withSandbox,
} from '../sandbox-fixture.ts';

const DRAFT: DocumentName = 'draft/a';
const text = (node: Node): string => node.replica.document(DRAFT).getText('text').toString();

function insert(node: Node, what: string): Promise<void> {
  return node.replica.edit(DRAFT, (doc) => doc.getText('text').insert(0, what));
}

async function reopen(fixture: Fixture, node: Node, file: MemoryLogFile, owner = false): Promise<Node> {
  const { replica } = await openSandbox({
    environment: nodeEnvironment(),
    file,
    deviceSigner: node.signer,
    sandbox: node.replica.sandbox,
    ...(owner ? { controlSigner: fixture.controlSigner } : {}),
  });
  const opened = { replica, signer: node.signer, file };
  fixture.nodes.push(opened);
  return opened;
}

async function codeOf(work: Promise<unknown> | undefined): Promise<string> {
  try {
    await work;
  } catch (error) {
    return SandboxError.from(error).code;
  }
  return 'done';
}

/** The owner as of a backup, while the guest knows one entry more; both at rest. */
async function withBackup(body: (fixture: Fixture, guest: Node, backup: Node) => Promise<void>): Promise<void> {
  await withSandbox(async (fixture) => {
    const { owner } = fixture;
    const guest = await fixture.join('editor');
    const wire = link(owner, guest);
    await insert(owner, 'early ');
    await until(() => level([owner, guest]) && text(guest) === 'early ', 'level');
    await owner.replica.flush();
    const file = owner.file.copy();
    await owner.replica.authority?.setRole(guest.replica.self, 'owner');
    await until(() => guest.replica.control.seq === owner.replica.control.seq, 'the guest has the entry');
    wire.cut();
    await owner.replica.stop();
    await body(fixture, guest, await reopen(fixture, owner, file, true));
  });
}

test('a restored owner takes what others have before it signs', () =>
  withBackup(async (_fixture, guest, backup) => {
    const unlevelled: number[] = [];
    backup.replica.events.on('unlevelled', ({ seq }) => unlevelled.push(seq));
    const { seq } = guest.replica.control;
    const signing = admit(backup.replica, newSigner().publicKey, 'viewer');
    link(backup, guest);
    await signing;
    await until(() => guest.replica.control.seq === seq + 2, 'the guest follows');
    assert.equal([backup.replica.control.forks, guest.replica.control.forks, unlevelled], [[], [], []]);
    assert.is(backup.replica.control.members.get(guest.replica.self)?.role, 'owner');
  }));

test('one that reaches nobody signs after a while and says so; both sides stop at the fork, work goes on, recovery settles it', () =>
  withBackup(async (fixture, guest, backup) => {
    const unlevelled: number[] = [];
    backup.replica.events.on('unlevelled', (event) => unlevelled.push(event.seq));
    const common = backup.replica.control.seq;
    await backup.replica.authority?.setRole(guest.replica.self, 'debugger');
    await backup.replica.authority?.setRole(guest.replica.self, 'commenter');
    assert.is(unlevelled.length, 2);
    await insert(backup, 'alone ');
    // Under the role that only its own branch gave it.
    await insert(guest, 'meanwhile ');

    link(backup, guest);
    await until(() => [backup, guest].every(({ replica }) => replica.control.forks.length === 1), 'both see the fork');
    assert.equal(
      [backup, guest].map(({ replica }) => replica.control.seq),
      [common, common],
    );
    assert.is(backup.replica.control.members.get(guest.replica.self)?.role, 'editor');
    assert.is(await codeOf(admit(backup.replica, newSigner().publicKey, 'viewer')), 'CONTROL_FORKED');
    await insert(backup, 'one ');
    await insert(guest, 'two ');
    await until(() => level([backup, guest]) && text(backup) === text(guest), 'work goes on under the common entry');
    // It stands on envelopes that were written higher up a branch than its own.
    await insert(guest, 'upon all ');
    await until(() => level([backup, guest]) && text(backup) === text(guest), 'also upon what the other wrote alone');
    for (const word of ['early', 'alone', 'meanwhile', 'one', 'two', 'upon all']) assert.match(text(backup), word);
    assert.is(contentOf(backup, DRAFT), contentOf(guest, DRAFT));

    const guestBranch = guest.replica.controlLog.tips()[0]?.tips ?? [];
    assert.is(guestBranch.length, 2);
    const next = await newControlSigner();
    const named = fixture.owner.replica.controlLog.head;
    await backup.replica.rotate(rotation(fixture.recoverySigner, next), fixture.recoverySigner, named);
    backup.replica.adoptOwnerKey(next);
    await until(() => guest.replica.control.seq === common + 2, 'the guest hears of it');
    assert.equal(
      [backup, guest].map(({ replica }) => replica.control.forks),
      [[], []],
    );
    assert.is(guest.replica.control.members.get(guest.replica.self)?.role, 'owner', 'the branch that was named');
    await admit(backup.replica, newSigner().publicKey, 'viewer');
    await insert(guest, 'three ');
    await until(() => level([backup, guest]) && text(backup) === text(guest), 'level under the new owner');
    assert.match(text(backup), 'three');
  }));

test('what stands above a fork is set aside on every peer, also after a restart, and back when that branch is named', () =>
  withBackup(async (fixture, guest, backup) => {
    // Only the guest's branch admits cyd.
    const cyd = newSigner();
    const entries = guest.replica.controlEntries();
    await fixture.owner.replica.stop();
    const first = await reopen(fixture, fixture.owner, fixture.owner.file.copy(), true);
    const wire = link(first, guest);
    await admit(first.replica, cyd.publicKey, 'editor');
    await until(() => guest.replica.control.members.size === 3, 'the guest knows cyd');
    const joined = await fixture.openAs(cyd, first);
    link(joined, guest);
    await insert(joined, "cyd's ");
    await until(() => level([joined, guest]) && text(guest).includes("cyd's"), 'the guest has it');
    await insert(guest, 'upon it ');
    await guest.replica.flush();
    wire.cut();
    assert.ok(entries.length > 0);

    await backup.replica.authority?.setRole(guest.replica.self, 'editor').catch(() => undefined);
    await admit(backup.replica, newSigner().publicKey, 'viewer');
    link(backup, guest);
    await until(() => guest.replica.control.forks.length === 1, 'the guest sees the fork');
    await until(() => level([backup, guest]) && text(backup) === text(guest), 'level below the fork');
    assert.not.match(text(guest), "cyd's");
    await insert(guest, 'below ');
    await until(() => level([backup, guest]) && text(backup) === text(guest), 'work goes on');
    await guest.replica.stop();
    const again = await reopen(fixture, guest, guest.file.copy());
    assert.is(again.replica.control.forks.length, 1);
    assert.is(text(again), text(backup));
    link(backup, again);
    const branch = first.replica.controlLog.head;
    const next = await newControlSigner();
    await backup.replica.rotate(
      rotation(fixture.recoverySigner, next, toHex(new NodeCrypto().sha256(next.publicKey))),
      fixture.recoverySigner,
      branch,
    );
    await until(() => text(again).includes("cyd's"), "cyd's text is back");
    await until(() => level([backup, again]) && text(backup) === text(again), 'level', 20_000);
    for (const word of ["cyd's", 'upon it', 'below']) assert.match(text(backup), word);
  }));

test('what somebody wrote who did not know of the branch that counts loses its effect, and what stands on it stands', () =>
  withBackup(async (fixture, guest, backup) => {
    // By its position it knows of the entry that takes this right from it: there is another one in that slot.
    await insert(guest, 'meanwhile ');
    await backup.replica.authority?.setRole(guest.replica.self, 'debugger');
    link(backup, guest);
    await until(() => level([backup, guest]) && text(backup).includes('meanwhile'), 'level below the fork');
    await insert(backup, 'upon it ');
    await until(() => level([backup, guest]) && text(backup) === text(guest), 'level');
    const next = await newControlSigner();
    await backup.replica.rotate(
      rotation(fixture.recoverySigner, next),
      fixture.recoverySigner,
      (backup.replica.controlLog.tips()[0]?.tips ?? []).find(
        ({ hash }) => hash !== fixture.owner.replica.controlLog.head.hash,
      ),
    );
    await until(() => guest.replica.control.members.get(guest.replica.self)?.role === 'debugger', 'the branch counts');
    for (const node of [backup, guest, await reopen(fixture, guest, guest.file.copy())]) {
      await until(() => text(node) === 'upon it early ', `the honest text only: ${text(node)}`);
    }
    assert.ok(level([backup, guest]), 'nothing was refused');
  }));

test('what was written above a fork stands at once where the branch that is named is the shorter one', () =>
  withBackup(async (fixture, guest, backup) => {
    const { owner, recoverySigner } = fixture;
    const first = await reopen(fixture, owner, owner.file.copy(), true);
    const wire = link(first, guest);
    for (const role of ['owner', 'editor', 'owner', 'editor'] as const)
      await first.replica.authority?.setRole(guest.replica.self, role);
    await until(() => guest.replica.control.seq === first.replica.control.seq, 'the guest has the entries');
    wire.cut();
    await insert(guest, 'meanwhile ');
    const next = await newControlSigner();
    const { seq } = backup.replica.control;
    await backup.replica.rotate(rotation(recoverySigner, next), recoverySigner);
    backup.replica.adoptOwnerKey(next);
    link(backup, guest);
    await until(() => level([backup, guest]) && text(backup) === text(guest), 'level under the new owner');
    assert.is(guest.replica.control.seq, seq + 1, 'the shorter branch counts');
    assert.is(text(guest), 'meanwhile early ');
    // Who was admitted since stands on it, at a position that the owner's log reaches only later.
    const cyd = newSigner();
    await admit(backup.replica, cyd.publicKey, 'editor');
    const joined = await fixture.openAs(cyd, backup);
    link(backup, joined);
    await until(() => text(joined) === text(guest), 'the newcomer has it');
    await insert(joined, 'upon it ');
    await until(() => level([backup, guest, joined]) && text(backup).includes('upon it'), 'what stands on it stands');
    // What the owner had of it goes on counting, though its position is above that of this entry.
    await backup.replica.authority?.setRole(joined.replica.self, 'viewer');
    for (let i = 0; i < 3; i++) await admit(backup.replica, newSigner().publicKey, 'viewer');
    assert.ok(backup.replica.control.seq > first.replica.control.seq);
    await insert(guest, 'beyond ');
    const nodes = [backup, guest, joined, await reopen(fixture, guest, guest.file.copy())];
    await until(() => nodes.every((node) => text(node) === 'beyond upon it meanwhile early '), 'and goes on doing so');
    assert.ok(level([backup, guest, joined]), 'nothing was refused');
  }));

function rotation(
  recoverySigner: ControlSigner,
  next: ControlSigner,
  nextRecoveryHash = '00'.repeat(32),
): Parameters<Node['replica']['rotate']>[0] {
  const { publicKey } = recoverySigner;
  return { type: 'rotate', recoveryKey: toHex(publicKey), ownerKey: toHex(next.publicKey), nextRecoveryHash };
}

async function newControlSigner(): Promise<ControlSigner> {
  const seed = new Uint8Array(randomBytes(32));
  return await controlSignerFromSeed(seed, signerFromSeed(seed).publicKey);
}

/** @param between roles given between the rotation and the new grant. @returns the text that everybody has at the end */
async function admittedAgain(between: readonly Role[]): Promise<string> {
  let end = '';
  await withBackup(async (fixture, guest, backup) => {
    const { owner, recoverySigner } = fixture;
    const cyd = newSigner();
    const first = await reopen(fixture, owner, owner.file.copy(), true);
    const wires = [link(first, guest)];
    await admit(first.replica, cyd.publicKey, 'editor');
    await until(() => guest.replica.control.members.size === 3, 'the guest knows cyd');
    const joined = await fixture.openAs(cyd, first);
    wires.push(link(joined, guest));
    await insert(joined, "cyd's ");
    await until(() => level([joined, guest]) && text(guest).includes("cyd's"), 'the guest has it');
    await insert(guest, 'upon it ');
    await until(() => level([joined, guest]), 'cyd has that');
    for (const wire of wires) wire.cut();

    const next = await newControlSigner();
    await backup.replica.rotate(rotation(recoverySigner, next), recoverySigner);
    backup.replica.adoptOwnerKey(next);
    link(backup, guest);
    await until(() => level([backup, guest]) && text(backup) === text(guest), 'level under the new owner');
    assert.is(text(backup), 'upon it early ', 'nobody admits cyd');
    for (const role of between) await backup.replica.authority?.setRole(guest.replica.self, role);
    await admit(backup.replica, cyd.publicKey, 'editor');
    assert.is(backup.replica.control.memberByKey(cyd.publicKey)?.id, joined.replica.self, 'its number again');
    link(backup, joined);
    const { seq } = backup.replica.control;
    await until(() => joined.replica.control.seq === seq && level([backup, guest, joined]), 'cyd is level');
    await insert(joined, 'again ');
    await until(() => text(backup).includes('again'), 'what it writes now counts');

    const late = newSigner();
    await admit(backup.replica, late.publicKey, 'viewer');
    const newcomer = await fixture.openAs(late, backup);
    link(backup, newcomer);
    await until(() => level([backup, guest, joined, newcomer]), 'whoever comes later takes all of it');
    const nodes = [backup, guest, joined, newcomer, await reopen(fixture, guest, guest.file.copy())];
    await until(() => nodes.every((node) => text(node) === text(backup)), 'all read the same');
    end = text(backup);
  });
  return end;
}

test('whoever is admitted again on the branch that counts, under the number it had on the other, goes on there', async () =>
  assert.is(await admittedAgain(['owner', 'editor', 'owner']), 'again upon it early '));

test('admitted again no higher than its envelopes say that they stand, it has what it wrote back', async () => {
  const end = await admittedAgain([]);
  for (const word of ["cyd's", 'early', 'upon it', 'again']) assert.match(end, word);
});

test('a decision that waited while the control key was replaced says so, and signs nothing', () =>
  withSandbox(async ({ owner, recoverySigner, join }) => {
    const guest = await join('editor');
    const { replica } = owner;
    const { authority } = replica;
    const next = await newControlSigner();
    const rotated = replica.rotate(rotation(recoverySigner, next), recoverySigner);
    const decision = codeOf(authority?.setRole(guest.replica.self, 'viewer'));
    await rotated;
    assert.is(await decision, 'FORBIDDEN');
    assert.is(replica.control.members.get(guest.replica.self)?.role, 'editor');
    replica.adoptOwnerKey(next);
    await replica.authority?.setRole(guest.replica.self, 'viewer');
    assert.is(replica.control.members.get(guest.replica.self)?.role, 'viewer');
  }));

test('a decision that the sandbox closes upon is refused: nobody believes that it was made', () =>
  withSandbox(async ({ owner, join }) => {
    const guest = await join('editor');
    link(owner, guest);
    await until(() => level([owner, guest]), 'level');
    const decision = codeOf(owner.replica.authority?.setRole(guest.replica.self, 'viewer'));
    const stopping = owner.replica.stop();
    assert.is(await decision, 'CANCELLED');
    await stopping;
    assert.is(guest.replica.controlLog.state.roleNow(guest.replica.self), 'editor');
  }));

test.run();
