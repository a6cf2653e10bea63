// test: limit 180 s
/** `sandmesh join` with links that are damaged, and with a good one whose host is not there. */

import { createHash } from 'node:crypto';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { addressToBytes } from '#node/network/addresses.ts';
import { encodeLink, parseLink } from '#protocol/link.ts';
import { eventually } from '../mesh/members.ts';
import { refuses, type Scene, withScene } from './scene.ts';

async function link({ host }: Scene): Promise<string> {
  const { link: text } = await host.ask('sandbox.open', 'open');
  if (text === undefined) throw new Error('no link');
  return text;
}

test('a link cut short: how much is missing, in no time, and nothing is left of the attempt', () =>
  withScene(async (scene) => {
    const { host } = scene;
    const whole = await link(scene);
    for (const missing of [1, 30, whole.length - 20]) {
      const asked = performance.now();
      const { stderr } = await refuses(host, ['join', whole.slice(0, -missing)], {
        exit: 2,
        code: 'BAD_LINK',
        says: [`it was cut short: ${missing} character`, 'Copy it again'],
      });
      assert.not.match(stderr, 'Looking for the host');
      assert.ok(performance.now() - asked < 8_000);
    }
    await refuses(host, ['join', `${whole}AA`], { exit: 2, code: 'BAD_LINK', says: ['2 characters too many'] });
    assert.is((await host.ask('sandbox.list', 'status')).sandboxes.length, 1);
  }));

test('a link with one wrong character, anywhere: that a character is wrong', () =>
  withScene(async (scene) => {
    const whole = await link(scene);
    const start = whole.indexOf('#') + 1;
    for (const at of [start, start + 40, whole.length - 1]) {
      const flipped = whole.slice(0, at) + (whole[at] === 'A' ? 'B' : 'A') + whole.slice(at + 1);
      await refuses(scene.host, ['join', flipped], {
        exit: 2,
        code: 'BAD_LINK',
        says: ['a character in it is wrong', 'Copy it again'],
      });
    }
  }));

test('something that is no link, and nothing at all', () =>
  withScene(async ({ host }) => {
    await refuses(host, ['join', 'https://example.org/'], {
      exit: 2,
      code: 'BAD_LINK',
      says: ['"https://example.org/" is none', 'A link starts with "sandmesh:#"'],
    });
    await refuses(host, ['join', 'x'.repeat(100_000)], { exit: 2, code: 'BAD_LINK', says: ['Copy only the link'] });
    await refuses(host, ['join', '-'], { exit: 2, code: 'BAD_LINK', says: ['no link came on stdin', 'Paste'] });
  }));

/** The link, leading to where somebody listens and never says a word. */
function toSilence(whole: string, port: number): string {
  const parsed = parseLink(whole, { sha256: (...parts) => createHash('sha256').update(Buffer.concat(parts)).digest() });
  const silent = addressToBytes(`/ip4/127.0.0.1/tcp/${port}`);
  return encodeLink({ ...parsed, peers: parsed.peers.map(({ key }) => ({ key, addresses: [silent] })) });
}

test('a link to nobody: clear within 10 s, and with --keep-trying it joins once the host is back', () =>
  withScene(async ({ host: guest, member }) => {
    const host = member('away', 'trial');
    const { link: whole = '' } = await host.ask('sandbox.open', 'open');
    await host.ask('daemon.stop', 'stop');
    const { stderr } = await refuses(guest, ['join', whole], {
      exit: 6,
      code: 'PEER_UNREACHABLE',
      says: [/Cannot reach 127\.0\.0\.1:\d+: nobody listens there/, 'Does sandmesh run at', '--keep-trying waits'],
    });
    assert.match(stderr, 'trying 1 address');

    const patient = guest.start('join', whole, '--keep-trying', '--name', 'alice');
    await patient.line(/trying again in \d+ s/);
    await host.ask('sandbox.open', 'open');
    await host.approveNext('join');
    await patient.line(/You are in trial as debugger/, 40_000);
    assert.is(await patient.exited(), 0);
    await eventually('the guest at the host', async () => {
      const { members } = await host.see('member.list');
      return members.some(({ name, online }) => name === 'alice' && online) ? true : undefined;
    });
  }));

test('a link to somebody who never answers: given up within 10 s', () =>
  withScene(async (scene) => {
    const whole = await link(scene);
    const guest = scene.member('g', 'elsewhere');
    await guest.ask('config.list', 'config');
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const sockets: Socket[] = [];
    silent.on('connection', (socket) => sockets.push(socket));
    const asked = performance.now();
    const { code, stderr } = await guest.cli('join', toSilence(whole, (silent.address() as AddressInfo).port));
    const tookMs = performance.now() - asked;
    assert.is(code, 6, stderr);
    assert.match(stderr, '--keep-trying waits');
    assert.ok(sockets.length > 0);
    // The daemon's limit, and the start of the command on a busy machine.
    assert.ok(tookMs < 13_000, `${Math.round(tookMs)} ms`);
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => silent.close(resolve));
  }));

test.run();
