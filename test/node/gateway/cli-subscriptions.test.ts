/** Topics over the CLI’s socket, and readers too slow for them. */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MAX_FRAME_BYTES } from '#protocol/frame.ts';
import type { SandboxId } from '#shared/ids.ts';
import { HERE, json, notice, settled, subscribe, THERE, texts, until, withGateway } from './cli-rig.ts';

test('a subscription by folder hears that sandbox, one by id that, one by neither all', () =>
  withGateway(async ({ client, hub }) => {
    const [byFolder, byId, all] = [await client(), await client(), await client()];
    subscribe(byFolder, ['notices'], { folder: '/here' });
    subscribe(byId, ['notices'], { sandbox: THERE });
    subscribe(all, ['notices', 'chat']);
    for (const each of [byFolder, byId, all]) await settled(each);
    notice(hub, 'here', HERE);
    notice(hub, 'there', THERE);
    hub.publish(HERE, 'presence', { presence: { member: 1 as never } });
    for (const each of [byFolder, byId, all]) await settled(each);
    assert.equal([byFolder, byId, all].map(texts), [['here'], ['there'], ['here', 'there']]);
  }));

test('a subscription is in place before any later call is answered', () =>
  withGateway(async ({ client, hub }) => {
    const one = await client();
    subscribe(one, ['notices'], { folder: '/here' });
    await settled(one);
    assert.ok(hub.wanted(HERE, 'notices'));
    assert.not(hub.wanted(THERE, 'notices'));
    assert.not(hub.wanted(HERE, 'chat'));
  }));

test('a later list replaces the earlier one of the same scope, an empty one ends it', () =>
  withGateway(async ({ client, hub }) => {
    const one = await client();
    subscribe(one, ['notices', 'chat'], { folder: '/here' });
    subscribe(one, ['notices', 'presence'], { folder: '/here' });
    await settled(one);
    assert.equal(
      [hub.wanted(HERE, 'notices'), hub.wanted(HERE, 'presence'), hub.wanted(HERE, 'chat')],
      [true, true, false],
    );
    subscribe(one, [], { folder: '/here' });
    subscribe(one, [], { folder: '/left-meanwhile' });
    await settled(one);
    assert.not(hub.wanted(HERE, 'notices'));
    assert.equal(one.controls, []);
  }));

test('an unsubscribe that follows its subscribe at once wins', () =>
  withGateway(async ({ client, hub }) => {
    const one = await client();
    subscribe(one, ['notices', 'chat'], { folder: '/here' });
    one.channel.control({ command: 'unsubscribe', params: { topics: ['notices', 'no such'] } });
    await settled(one);
    assert.equal([hub.wanted(HERE, 'notices'), hub.wanted(HERE, 'chat')], [false, true]);
  }));

test('scopes that overlap bring each event once', () =>
  withGateway(async ({ client, hub }) => {
    const one = await client();
    for (const scope of [{}, { folder: '/here' }, { sandbox: HERE }]) subscribe(one, ['notices'], scope);
    await settled(one);
    notice(hub, 'a');
    notice(hub, 'b');
    await settled(one);
    assert.equal(texts(one), ['a', 'b']);
    subscribe(one, [], { folder: '/here' });
    await settled(one);
    notice(hub, 'c');
    await settled(one);
    assert.equal(texts(one), ['a', 'b', 'c']);
  }));

test('a client that goes leaves no subscription behind', () =>
  withGateway(async ({ client, hub }) => {
    const one = await client();
    subscribe(one, ['notices']);
    await settled(one);
    one.socket.destroy();
    await until('it is forgotten', () => !hub.wanted(HERE, 'notices'));
  }));

const refusals: readonly [string, string[], { folder?: string }, string][] = [
  ['an unknown topic', ['gossip'], {}, '"gossip"'],
  ['a topic that every object has', ['__proto__'], {}, '__proto__'],
  ['a folder without a sandbox', ['chat'], { folder: '/nowhere' }, '/nowhere'],
];
for (const [what, topics, scope, reason] of refusals) {
  test(`${what} is refused with the reason, and what else the client listens to goes on`, () =>
    withGateway(async ({ client, hub }) => {
      const one = await client();
      subscribe(one, ['notices'], { sandbox: HERE });
      subscribe(one, topics, scope);
      await settled(one);
      const [refused, ...more] = one.controls;
      assert.equal([refused?.command, more.length], ['refused', 0]);
      const { folder, message } = (refused?.params ?? {}) as { folder?: string; message?: string };
      assert.is(folder, scope.folder);
      assert.match(message ?? '', reason);
      notice(hub, 'on', HERE);
      await settled(one);
      assert.equal(texts(one), ['on']);
    }));
}

test('more scopes than anybody needs are refused', () =>
  withGateway(async ({ client }) => {
    const one = await client();
    for (let n = 0; n < 65; n++) subscribe(one, ['chat'], { sandbox: n.toString(16).padStart(40, '0') as SandboxId });
    await settled(one);
    assert.is(one.controls.length, 1);
    assert.match(JSON.stringify(one.controls), 'Cannot listen to more than 64');
  }));

test('an event too large for a frame harms neither its publisher nor the others, and is told', () =>
  withGateway(async ({ client, hub }) => {
    const [one, other] = [await client(), await client()];
    for (const each of [one, other]) {
      subscribe(each, ['notices', 'chat']);
      await settled(each);
    }
    notice(hub, 'x'.repeat(MAX_FRAME_BYTES));
    notice(hub, 'after');
    for (const each of [one, other]) {
      await settled(each);
      assert.equal(
        each.events.map(({ topic }) => topic),
        ['notices', 'notices'],
      );
      assert.match(String(texts(each)[0]), 'Events missed: 1');
      assert.is(texts(each)[1], 'after');
    }
  }));

test('a subscriber that stops reading costs a bounded queue, and is told what it missed once it reads', () =>
  withGateway(async ({ client, hub }) => {
    const [slow, quick] = [await client(), await client()];
    for (const each of [slow, quick]) {
      subscribe(each, ['notices']);
      await settled(each);
    }
    slow.socket.pause();
    const sent = 100;
    const text = 'x'.repeat(500_000);
    for (let n = 0; n < sent; n++) {
      notice(hub, text);
      await until('the quick one has it', () => quick.events.length === n + 1);
    }
    assert.is(quick.events.length, sent);
    slow.socket.resume();
    // nothing more is published: being told must not wait for one more event
    const told = (): string[] => texts(slow).filter((each): each is string => String(each).startsWith('Events missed'));
    await until('the slow one is told', () => told().length > 0);
    await settled(slow);
    const missed = told().reduce((sum, each) => sum + Number(/\d+/.exec(each)?.[0]), 0);
    const got = slow.events.length - told().length;
    assert.is(got + missed, sent);
    // 8 MB here, and what the system's socket buffers took
    assert.ok(got <= 24, `${got} events were queued`);
    const sequences = slow.events.map(({ metadata }) => metadata.sequence);
    assert.equal(
      [...sequences].sort((a, b) => a - b),
      sequences,
    );
  }));

test('a client that asks and never reads is not read from either', () =>
  withGateway(async ({ client, requests }) => {
    const [greedy, other] = [await client(), await client()];
    greedy.socket.pause();
    const asked = Array.from({ length: 60 }, () => greedy.channel.call('big', {}, { timeoutMs: 60_000 }));
    const ended = Promise.allSettled(asked);
    await until('its first calls ran', () => requests.length > 0);
    for (let turn = 0; turn < 50; turn++) await settled(other);
    const first = requests.filter(({ command }) => command === 'big').length;
    greedy.socket.write(json({ id: 10_000, command: 'last', args: {} }));
    for (let turn = 0; turn < 50; turn++) await settled(other);
    assert.not(
      requests.some(({ command }) => command === 'last'),
      `it ran after ${first} replies nobody read`,
    );
    greedy.socket.resume();
    for (const end of await ended) assert.is(end.status, 'fulfilled');
    await until('the last one ran', () => requests.some(({ command }) => command === 'last'));
  }));

test.run();
