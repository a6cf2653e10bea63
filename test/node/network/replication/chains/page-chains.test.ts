/** What pages write under incarnations of their own: signed, replicated, whole, and nothing under another's name. */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as Y from 'yjs';
import type { SandboxReplica } from '#node/network/replication/sandbox-replica.ts';
import { encodeCanonicalDoc } from '#shared/documents/canonical-content.ts';
import { clientIdOf } from '#shared/documents/client-id.ts';
import type { DocumentName } from '#shared/documents/document-name.ts';
import { SandboxError } from '#shared/errors.ts';
import { randomFrom, seedOf } from '#test/seed.ts';
import { level, link, type Node, until, withSandbox } from '../sandbox-fixture.ts';
import { reopen } from '../twins.ts';

const DRAFT: DocumentName = 'draft/a';

/** A page whose messages wait in both directions until they are let through. */
class Page {
  static readonly #ofReplica = new WeakMap<SandboxReplica, Page[]>();
  readonly doc = new Y.Doc();
  readonly incarnation: number;
  readonly replica: SandboxReplica;
  readonly toDaemon: Uint8Array[] = [];
  readonly toPage: Uint8Array[] = [];
  #sending = false;

  constructor(replica: SandboxReplica, incarnation = replica.pages.newIncarnation()) {
    this.replica = replica;
    this.incarnation = incarnation;
    Page.#ofReplica.set(replica, [...this.#siblings(), this]);
    const shared = replica.document(DRAFT);
    Y.applyUpdate(this.doc, Y.encodeStateAsUpdate(shared), 'daemon');
    // Yjs gives itself another id when it reads history under its own.
    this.doc.clientID = clientIdOf(replica.self, incarnation);
    const held: Uint8Array[] = [];
    shared.on('update', (update: Uint8Array) => {
      if (!this.#sending && !replica.pages.flushing) held.push(update);
    });
    // What one envelope brought is told at once: who refers to some of it has had all of it.
    replica.events.on('change', ({ document }) => {
      if (document === DRAFT && held.length > 0) this.toPage.push(Y.mergeUpdates(held.splice(0)));
    });
    this.doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin !== 'daemon') this.toDaemon.push(update);
    });
  }

  get text(): Y.Text {
    return this.doc.getText('text');
  }

  /** @returns what the daemon says to everything that waits */
  send(updates = this.toDaemon.splice(0), atOnce = true) {
    this.#sending = true;
    try {
      const messages = updates.map((update) => ({ update, atOnce }));
      return this.replica.pages.take(this.incarnation, DRAFT, messages);
    } finally {
      this.#sending = false;
    }
  }

  /** As a room does it: what can be shown to the other pages before it is signed is. */
  show() {
    const updates = this.toDaemon.splice(0);
    if (updates.length === 0) return;
    const messages = updates.map((update) => ({ update, atOnce: true }));
    const held = this.replica.pages.hold(this.incarnation, DRAFT, messages);
    if (held === undefined) return void this.send(updates);
    held.durable.catch(() => assert.unreachable('it was not taken after all'));
    for (const page of this.#siblings()) if (page !== this) page.toPage.push(Y.mergeUpdates(updates));
  }

  #siblings(): readonly Page[] {
    return Page.#ofReplica.get(this.replica) ?? [];
  }

  /** All it has, as after a lost connection. */
  resync() {
    this.toDaemon.length = 0;
    return this.send([Y.encodeStateAsUpdate(this.doc)], false);
  }

  hear(count = this.toPage.length): void {
    for (const update of this.toPage.splice(0, count)) Y.applyUpdate(this.doc, update, 'daemon');
  }
}

/** Types, deletes, marks, sends or hears of something. */
function act(page: Page, round: number, random: () => number): void {
  const { length } = page.text;
  const at = Math.floor(random() * (length + 1));
  const what = random();
  if (what < 0.45) page.text.insert(at, String.fromCharCode(97 + (round % 26)).repeat(1 + (round % 3)));
  else if (what < 0.6 && length > 0) page.text.delete(Math.min(at, length - 1), 1);
  else if (what < 0.7) page.doc.getMap('marks').set(`k${round % 5}`, round);
  else if (what < 0.8) page.show();
  else if (what < 0.83) page.send();
  else if (what < 0.85) page.resync();
  else page.hear(1 + Math.floor(random() * 3));
}

const textOf = ({ replica }: Pick<Node, 'replica'>): string => replica.document(DRAFT).getText('text').toString();

test('pages and daemons that hear of each other in any order end with the same document', () =>
  withSandbox(async ({ owner, join }) => {
    const random = randomFrom(seedOf('pages and daemons'));
    const editor = await join('editor');
    const nodes = [owner, editor];
    await owner.replica.edit(DRAFT, (doc) => doc.getText('text').insert(0, 'the base text'));
    link(owner, editor);
    await until(() => level(nodes), 'level');
    const pages = nodes.flatMap(({ replica }) => [new Page(replica), new Page(replica)]);
    for (let round = 0; round < 150; round++) {
      act(pages[Math.floor(random() * pages.length)] as Page, round, random);
      if (random() < 0.1) {
        const { replica } = nodes[round % 2] as Node;
        void replica.edit(DRAFT, (doc) => doc.getText('text').insert(Math.floor(doc.getText('text').length / 2), 'D'));
      }
      if (random() < 0.2) await new Promise((resolve) => setImmediate(resolve));
    }
    for (const page of pages) assert.is(page.send().incomplete, false);
    await until(() => level(nodes), 'daemons are level');
    for (const page of pages) page.hear();
    for (const page of pages) assert.is(page.text.toString(), textOf(owner));
    for (const page of pages)
      assert.equal(encodeCanonicalDoc(page.doc), encodeCanonicalDoc(owner.replica.document(DRAFT)));
    assert.equal(encodeCanonicalDoc(editor.replica.document(DRAFT)), encodeCanonicalDoc(owner.replica.document(DRAFT)));
  }));

test('what a page says twice, or all of it again, is written once', () =>
  withSandbox(async ({ owner }) => {
    const page = new Page(owner.replica);
    page.text.insert(0, 'once');
    const first = [...page.toDaemon];
    page.send();
    const { seq } = owner.replica.heads().find(({ incarnation }) => incarnation === page.incarnation) ?? { seq: 0 };
    page.send(first);
    page.resync();
    assert.is(textOf(owner), 'once');
    page.text.delete(0, 2);
    page.send();
    page.resync();
    assert.is(textOf(owner), 'ce');
    const after = owner.replica.heads().find(({ incarnation }) => incarnation === page.incarnation);
    assert.is(after?.seq, seq + 1);
    // Half of it is known: only the rest is written.
    page.text.insert(2, 'lib');
    const half = page.toDaemon.splice(0);
    page.text.insert(5, 'at');
    page.send(half);
    page.resync();
    assert.is(textOf(owner), 'celibat');
  }));

test('a struct under another id is left out, and what stands on it waits', () =>
  withSandbox(async ({ owner }) => {
    const page = new Page(owner.replica);
    const stranger = new Y.Doc();
    stranger.getText('text').insert(0, 'forged');
    Y.applyUpdate(page.doc, Y.encodeStateAsUpdate(stranger), 'daemon');
    page.text.insert(6, '!');
    const taken = page.resync();
    assert.is(taken.foreign, 6);
    assert.is(taken.incomplete, true);
    assert.is(taken.clock, 0);
    assert.is(textOf(owner), '');
    assert.equal(owner.replica.heads(), []);
  }));

test('an update that goes on after one that is missing is not taken until all of it comes', () =>
  withSandbox(async ({ owner }) => {
    const page = new Page(owner.replica);
    page.text.insert(0, 'a');
    page.toDaemon.length = 0;
    page.text.insert(1, 'b');
    assert.is(page.send().incomplete, true);
    assert.is(textOf(owner), '');
    assert.is(page.resync().incomplete, false);
    assert.is(textOf(owner), 'ab');
  }));

test('a paste beyond the limits of an envelope becomes several, cut between characters', () =>
  withSandbox(async ({ owner, join }) => {
    const editor = await join('editor');
    link(owner, editor);
    await until(() => level([owner, editor]), 'level');
    const page = new Page(owner.replica);
    const pasted = 'wörld 🌍 '.repeat(40_000);
    page.text.insert(0, pasted);
    const { durable } = page.send();
    await durable;
    assert.ok((owner.replica.heads().find(({ incarnation }) => incarnation === page.incarnation)?.seq ?? 0) > 5);
    await until(() => level([owner, editor]), 'level again');
    assert.is(textOf(editor), pasted);
    page.text.insert(3, 'after');
    page.send();
    await until(() => textOf(editor).startsWith('wöraft'), 'it goes on');
  }));

test('rights are those of the member: nothing is taken from a page of a debugger, and taken once the role allows it', () =>
  withSandbox(async ({ owner, join }) => {
    const guest = await join('debugger');
    link(owner, guest);
    await until(() => level([owner, guest]), 'level');
    const page = new Page(guest.replica);
    page.text.insert(0, 'mine');
    const edits = [...page.toDaemon];
    try {
      page.send();
      assert.unreachable('it was taken');
    } catch (error) {
      assert.is((error as SandboxError).code, 'FORBIDDEN');
    }
    await owner.replica.authority?.setRole(guest.replica.self, 'editor');
    await until(() => guest.replica.control.members.get(guest.replica.self)?.role === 'editor', 'the role arrives');
    page.send(edits);
    await until(() => textOf(owner) === 'mine', 'the owner has it');
  }));

test('what nobody would accept is refused with a reason, and what came before it stays', () =>
  withSandbox(async ({ owner }) => {
    const page = new Page(owner.replica);
    page.text.insert(0, 'plain');
    page.send();
    page.text.format(0, 5, { bold: true });
    assert.throws(
      () => page.send(),
      (error: unknown) => error instanceof SandboxError && /kind 6/.test(error.message),
    );
    assert.is(textOf(owner), 'plain');
    assert.throws(() => page.send([new Uint8Array([1, 2, 3])]), /Cannot read a document update/);
  }));

test('a page goes on along its chain after the daemon was restarted, and after documents were rebuilt', () =>
  withSandbox(async (fixture) => {
    const { owner, nodes } = fixture;
    const page = new Page(owner.replica);
    page.text.insert(0, 'before');
    await page.send().durable;
    owner.replica.rebuild();
    page.text.insert(6, ' and');
    await page.send().durable;
    const makeup = owner.replica.makeup(DRAFT);
    await owner.replica.flush();
    const again = await reopen(owner, 77);
    nodes.push(again);
    assert.is(again.replica.makeup(DRAFT), makeup);
    const later = new Page(again.replica, page.incarnation);
    Y.applyUpdate(later.doc, Y.encodeStateAsUpdate(page.doc), 'daemon');
    later.text.insert(10, ' after');
    later.send();
    assert.is(textOf(again), 'before and after');
    const chains = again.replica.heads().filter(({ incarnation }) => incarnation === page.incarnation);
    assert.equal(
      chains.map(({ seq }) => seq),
      [3],
    );
  }));

test('a page whose incarnation somebody else goes on with must start anew', () =>
  withSandbox(async (fixture) => {
    const { owner, nodes, join } = fixture;
    const editor = await join('editor');
    link(owner, editor);
    const page = new Page(owner.replica);
    page.text.insert(0, 'base');
    await page.send().durable;
    await until(() => level([owner, editor]), 'level');
    // A copy of the owner's home, and a page there that goes on under the same id.
    const twin = await reopen(owner, 77);
    nodes.push(twin);
    const copied = new Page(twin.replica, page.incarnation);
    copied.text.insert(4, ' twin');
    copied.send();
    page.text.insert(4, ' here');
    page.send();
    link(twin, editor);
    await until(() => editor.replica.chains.forked, 'the fork is seen');
    await until(() => owner.replica.chains.forked, 'here too');
    page.text.insert(0, 'lost ');
    assert.throws(
      () => page.send(),
      (error: unknown) => (error as SandboxError).code === 'HANDLE_STALE',
    );
    assert.is.not(owner.replica.pages.newIncarnation(), page.incarnation);
  }));

test.run();
