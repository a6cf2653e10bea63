/** Where the network listens: on which port, on which addresses, and what happens when another program is there first. */

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PeerHost } from '#node/network/peer-host.ts';
import { createSigningKey } from '#node/security/identity.ts';
import { SandboxError } from '#shared/errors.ts';
import { portOf, withWorld } from './network-fixture.ts';

test('a configured port is the one it listens on, and taken by another it is said, not replaced', async () => {
  const first = new PeerHost({ key: createSigningKey(), portFile: undefined, gate: () => false });
  await first.start();
  const port = Number(first.addresses()[0]?.split('/').at(-1));
  const options = { portFile: '/nowhere/port', port, gate: () => false };
  const second = new PeerHost({ key: createSigningKey(), ...options });
  try {
    const error = await second.start().then(() => undefined, SandboxError.from);
    assert.is(error?.code, 'CONFIG_INVALID');
    assert.match(error?.message ?? '', `network.port ${port}: another program has it`);
    await first.stop();
    await second.start();
    assert.equal(second.addresses(), [`/ip4/127.0.0.1/tcp/${port}`]);
  } finally {
    await first.stop();
    await second.stop();
  }
});

/** Local addresses that this process listens on, from /proc/net: what `ss -ltn` prints. */
async function listening(port: number): Promise<string[]> {
  const found: string[] = [];
  for (const file of ['tcp', 'tcp6']) {
    const lines = (await readFile(`/proc/net/${file}`, 'utf8')).split('\n').slice(1);
    for (const line of lines) {
      const [, local, , state] = line.trim().split(/\s+/);
      const [address, hex] = (local ?? '').split(':');
      if (state === '0A' && Number.parseInt(hex ?? '', 16) === port) found.push(address as string);
    }
  }
  return found;
}

test('loopback reach listens on 127.0.0.1 only, lan reach on all, and the port stays', () =>
  withWorld(async (world) => {
    const owner = await world.owner();
    const port = portOf(owner);
    assert.equal(await listening(port), ['0100007F']);
    await owner.network.setReach('lan');
    assert.equal(await listening(port), ['00000000']);
    await owner.network.setReach('loopback');
    assert.equal(await listening(port), ['0100007F']);
    await owner.network.stop();
    assert.equal(await listening(port), []);
    await owner.restart();
    assert.equal(await listening(port), ['0100007F']);
  }));

test('a port taken by another program is replaced, and the new one is remembered', () =>
  withWorld(async (world) => {
    const owner = await world.owner();
    const port = portOf(owner);
    await owner.network.stop();
    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(port, '127.0.0.1', resolve));
    await owner.restart();
    const [moved] = owner.network.addresses();
    assert.ok(moved && !moved.endsWith(`/${port}`));
    squatter.close();
    await owner.restart();
    assert.equal(owner.network.addresses(), [moved]);
  }));

test.run();
