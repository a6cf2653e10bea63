import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { nodeEnvironment } from '#node/network/replication/environment.ts';
import { openSandbox } from '#node/network/replication/open-replica.ts';
import type { Change } from '#node/network/replication/replica-interface.ts';
import { writerOfKey } from '#shared/documents/client-id.ts';
import type { SandboxError } from '#shared/errors.ts';
import { admit, contentOf, level, link, newSigner, until, withSandbox } from './sandbox-fixture.ts';

test('an edit reaches a connected member with its verified author', () =>
  withSandbox(async ({ owner, join }) => {
    const guest = await join('debugger');
    link(owner, guest);
    const change = guest.replica.events.next('change');
    await owner.replica.edit('debug', (doc) => doc.getMap('breakpoints').set('1.abcd', { enabled: true }));
    const { author, verdict, local, document } = await change;
    assert.equal(
      { author, verdict, local, document },
      { author: 1, verdict: 'accepted', local: false, document: 'debug' },
    );
    const map = guest.replica.document('debug').getMap('breakpoints');
    assert.equal(map.get('1.abcd'), { enabled: true });
    assert.is(writerOfKey(map, '1.abcd'), owner.replica.self);
  }));

test('the edits of one tick travel as one envelope', () =>
  withSandbox(async ({ owner }) => {
    const edits: Promise<void>[] = [];
    for (let i = 0; i < 100; i++) {
      edits.push(owner.replica.edit('debug', (doc) => doc.getMap('breakpoints').set(`k${i}`, i)));
    }
    await Promise.all(edits);
    assert.equal(
      owner.replica.heads().map((head) => head.seq),
      [1],
    );
  }));

test('a member who connects late gets everything, in causal order, control log first', () =>
  withSandbox(async ({ owner, join }) => {
    const first = await join('editor');
    link(owner, first);
    for (let i = 0; i < 50; i++) {
      const writer = i % 2 === 0 ? owner : first;
      await writer.replica.edit('draft/a.ts', (doc) => doc.getText('text').insert(0, `${i},`));
    }
    await until(() => level([owner, first]), 'two level');
    const late = await join('viewer');
    link(first, late);
    await until(() => level([owner, first, late]), 'three level');
    assert.is(contentOf(late, 'draft/a.ts'), contentOf(owner, 'draft/a.ts'));
    const numbers = late.replica.document('draft/a.ts').getText('text').toString().split(',').slice(0, -1);
    assert.equal(
      numbers.map(Number).sort((a, b) => a - b),
      Array.from({ length: 50 }, (_, i) => i),
    );
  }));

test('members forward for each other and offline edits merge', () =>
  withSandbox(async ({ owner, join }) => {
    const a = await join('editor');
    const b = await join('editor');
    await a.replica.edit('draft/x', (doc) => doc.getText('text').insert(0, 'from a'));
    await b.replica.edit('draft/x', (doc) => doc.getText('text').insert(0, 'from b'));
    // a and b never meet: the owner passes on, and learns b's grant is in its own log.
    link(owner, a);
    link(owner, b);
    await until(() => level([owner, a, b]), 'three level');
    assert.is(contentOf(a, 'draft/x'), contentOf(b, 'draft/x'));
  }));

test('a viewer cannot edit, and is told why', () =>
  withSandbox(async ({ join }) => {
    const viewer = await join('viewer');
    try {
      await viewer.replica.edit('debug', (doc) => doc.getMap('breakpoints').set('a', 1));
      assert.unreachable();
    } catch (error) {
      assert.is((error as SandboxError).code, 'FORBIDDEN');
    }
    assert.is(viewer.replica.document('debug').getMap('breakpoints').size, 0);
  }));

test('registers have one writer and reach everybody; null deletes', () =>
  withSandbox(async ({ owner, join }) => {
    const guest = await join('viewer');
    link(owner, guest);
    const seen: Change[] = [];
    guest.replica.events.on('change', (change) => void seen.push(change));
    await owner.replica.writeRegister('host', 'target/1', { pid: 7 });
    await owner.replica.writeRegister('host', 'pause/1', { at: 1 });
    await owner.replica.writeRegister('host', 'pause/1', null);
    await until(() => level([owner, guest]), 'level');
    assert.equal([...guest.replica.registers('host', owner.replica.self)], [['target/1', { pid: 7 }]]);
    assert.equal(
      seen.map((change) => change.keys),
      [['target/1'], ['pause/1'], ['pause/1']],
    );
    assert.equal([...owner.replica.registers('host', owner.replica.self)], [['target/1', { pid: 7 }]]);
  }));

test('a reopened sandbox has its documents, registers and log, under a new incarnation', () =>
  withSandbox(async ({ owner, controlSigner, join }) => {
    await join('viewer');
    await owner.replica.edit('debug', (doc) => doc.getMap('breakpoints').set('a', { line: 3 }));
    await owner.replica.writeRegister('notes', 'chat/1', 'hello');
    const { sandbox, clientId } = owner.replica;
    const content = contentOf(owner, 'debug');
    await owner.replica.stop();
    const { replica, cutBytes } = await openSandbox({
      environment: nodeEnvironment(),
      file: owner.file.copy(),
      deviceSigner: owner.signer,
      controlSigner,
      sandbox,
    });
    try {
      assert.is(cutBytes, 0);
      assert.is.not(replica.clientId, clientId);
      assert.is(replica.control.members.size, 2);
      assert.is(contentOf({ ...owner, replica }, 'debug'), content);
      assert.equal([...replica.registers('notes', replica.self)], [['chat/1', 'hello']]);
      await replica.edit('debug', (doc) => doc.getMap('breakpoints').set('b', { line: 4 }));
      await replica.writeRegister('notes', 'chat/1', 'again');
      assert.is(replica.registers('notes', replica.self).get('chat/1'), 'again');
      assert.is(replica.heads().length, 2);
    } finally {
      await replica.stop();
    }
  }));

test('a torn tail is cut and what was before it stands', () =>
  withSandbox(async ({ owner, controlSigner }) => {
    await owner.replica.edit('debug', (doc) => doc.getMap('breakpoints').set('a', 1));
    const whole = owner.file.size;
    await owner.replica.edit('debug', (doc) => doc.getMap('breakpoints').set('b', 2));
    const { sandbox } = owner.replica;
    for (let size = whole; size < owner.file.size; size++) {
      const { replica, cutBytes } = await openSandbox({
        environment: nodeEnvironment(),
        file: owner.file.copy(size),
        deviceSigner: owner.signer,
        controlSigner,
        sandbox,
      });
      assert.is(cutBytes, size - whole);
      assert.equal(replica.document('debug').getMap('breakpoints').toJSON(), { a: 1 });
      await replica.stop();
    }
  }));

test('what a reply acknowledged was synced', () =>
  withSandbox(async ({ owner }) => {
    for (let i = 0; i < 20; i++) {
      await owner.replica.edit('debug', (doc) => doc.getMap('breakpoints').set('a', i));
      assert.is(owner.file.synced, owner.file.size);
    }
  }));

test('a key that is no member learns nothing', () =>
  withSandbox(async ({ owner }) => {
    const stranger = newSigner();
    const messages: Uint8Array[] = [];
    owner.replica.connect({
      peerKey: stranger.publicKey,
      send: (message) => messages.push(message) > 0,
      onMessage: () => undefined,
      onDrain: () => undefined,
      onClose: () => undefined,
      close: () => undefined,
    });
    await owner.replica.edit('debug', (doc) => doc.getMap('breakpoints').set('secret', 1));
    await new Promise((resolve) => setTimeout(resolve, 60));
    assert.is(messages.length, 1);
    assert.is(messages[0]?.[0], 2, 'only needControl');
  }));

test('a member admitted while two are apart is believed when it shows the log', () =>
  withSandbox(async ({ owner, join }) => {
    const old = await join('editor');
    const fresh = await join('editor');
    assert.is(old.replica.control.members.size, 2);
    await old.replica.edit('draft/x', (doc) => doc.getText('text').insert(0, 'hi'));
    link(old, fresh);
    await until(() => level([old, fresh]), 'level');
    assert.is(old.replica.control.members.size, 3);
    assert.is(owner.replica.control.members.size, 3);
  }));

test('a removed member is told of it, cut off, and its later edits are not taken', () =>
  withSandbox(async ({ owner, join }) => {
    const guest = await join('debugger');
    const pair = link(owner, guest);
    await guest.replica.edit('debug', (doc) => doc.getMap('breakpoints').set('before', 1));
    await until(() => level([owner, guest]), 'level');
    await owner.replica.authority?.revoke(guest.replica.self);
    await until(() => guest.replica.control.members.get(guest.replica.self)?.removed === true, 'it learns');
    assert.equal(owner.replica.connected(), []);
    await until(() => pair.reasons.includes('its member was removed'), 'its link is closed');
    let code = '';
    await guest.replica
      .edit('debug', (doc) => doc.getMap('breakpoints').set('after', 1))
      .catch((error: unknown) => {
        code = (error as SandboxError).code;
      });
    assert.is(code, 'FORBIDDEN');
  }));

test('an invite is used once, by one device, and a repeated grant is the same', () =>
  withSandbox(async ({ owner }) => {
    const { authority } = owner.replica;
    assert.ok(authority);
    const { publicKey } = await authority.createInvite({
      publicKey: newSigner().publicKey,
      role: 'debugger',
      uses: 1,
      expiresAt: Date.now() + 1000,
      approval: true,
    });
    const devices = [newSigner().publicKey, newSigner().publicKey];
    const grants = await Promise.allSettled(
      devices.map((deviceKey) => authority.grant({ invite: publicKey, deviceKey, name: 'x', role: 'owner' })),
    );
    const outcome = grants.map((grant) => (grant.status === 'fulfilled' ? grant.value.role : grant.reason.code));
    assert.equal(outcome, ['debugger', 'INVITE_USED']);
    const again = await authority.grant({
      invite: publicKey,
      deviceKey: devices[0] as Uint8Array,
      name: 'x',
      role: 'viewer',
    });
    assert.is(again.id, 2);
  }));

test('an oversized tick is split, an oversized value is refused and undone', () =>
  withSandbox(async ({ owner, join }) => {
    const guest = await join('viewer');
    link(owner, guest);
    const paste = 'añ😀'.repeat(60_000);
    await owner.replica.edit('draft/big', (doc) => doc.getText('text').insert(0, paste));
    await owner.replica.edit('draft/big', (doc) => doc.getText('text').delete(10, 200_000));
    await until(() => level([owner, guest]), 'level');
    assert.ok((owner.replica.heads()[0]?.seq ?? 0) > 3);
    assert.is(contentOf(guest, 'draft/big'), contentOf(owner, 'draft/big'));
    let code = '';
    await owner.replica
      .edit('debug', (doc) => doc.getMap('breakpoints').set('huge', 'x'.repeat(100_000)))
      .catch((error: unknown) => {
        code = (error as SandboxError).code;
      });
    assert.is(code, 'LIMIT_EXCEEDED');
    assert.is(owner.replica.document('debug').getMap('breakpoints').size, 0);
    await owner.replica.edit('debug', (doc) => doc.getMap('breakpoints').set('small', 1));
    await until(() => level([owner, guest]), 'level again');
    assert.equal(guest.replica.document('debug').getMap('breakpoints').toJSON(), { small: 1 });
  }));

test('content that others would refuse is refused at home', () =>
  withSandbox(async ({ owner }) => {
    const hostile: unknown[] = [new Uint8Array(3), { a: { constructor: 1 } }, 10n];
    for (const value of hostile) {
      let code = '';
      await owner.replica
        .edit('debug', (doc) => doc.getMap('breakpoints').set('k', value))
        .catch((error: unknown) => {
          code = (error as SandboxError).code;
        });
      assert.is(code, 'BAD_ARGUMENT');
      assert.is(owner.replica.document('debug').getMap('breakpoints').size, 0);
    }
  }));

test('an edit made inside an observer is signed as its own', () =>
  withSandbox(async ({ owner, join }) => {
    const guest = await join('debugger');
    link(owner, guest);
    const map = guest.replica.document('debug').getMap('breakpoints');
    const written: Promise<void>[] = [];
    map.observe(() => {
      if (!map.has('echo')) written.push(guest.replica.edit('debug', () => map.set('echo', 1)));
    });
    await owner.replica.edit('debug', (doc) => doc.getMap('breakpoints').set('call', 1));
    await until(() => owner.replica.document('debug').getMap('breakpoints').has('echo'), 'echo');
    await Promise.all(written);
    assert.is(writerOfKey(owner.replica.document('debug').getMap('breakpoints'), 'echo'), guest.replica.self);
  }));

test('a second device of the same key is the same member', () =>
  withSandbox(async ({ owner }) => {
    const signer = newSigner();
    await admit(owner.replica, signer.publicKey, 'viewer');
    assert.is(owner.replica.control.memberByKey(signer.publicKey)?.id, 2);
  }));

test.run();
