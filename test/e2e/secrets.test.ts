// test: full
// test: limit 240 s
/** Where secrets must not turn up, and where the control key may lie, with daemons and the CLI as users have them. */

import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NodeCrypto } from '#node/security/crypto.ts';
import { encodeLink, parseLink } from '#protocol/link.ts';
import { toHex } from '#shared/bytes.ts';
import { unless } from '#test/skip.ts';
import { LinkProxy, loopbackAddress } from '../node/network/link-proxy.ts';
import { KEYRING_OBSTACLE, withKeyring } from '../node/security/keyring/session-bus.ts';
import { COUNTER } from './mesh/debugging.ts';
import { eventually, type Member, withMembers } from './mesh/members.ts';

const noProc = process.platform === 'linux' ? undefined : 'it reads /proc';

/** Every way in which the secret of a link could be written down. */
function secretsOf(link: string): string[] {
  const payload = link.slice(link.indexOf('#') + 1);
  const { inviteSeed } = parseLink(link, new NodeCrypto());
  // The middle of the payload, too: a wrapped or shortened copy has it still.
  const forms = [toHex(inviteSeed), Buffer.from(inviteSeed).toString('base64url'), payload.slice(130, 158)];
  assert.ok(forms.every((form) => form.length > 20));
  return forms;
}

/** The command lines of all processes here that hold one of these texts. */
function commandLinesWith(secrets: readonly string[]): string[] {
  const found: string[] = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    let line = '';
    try {
      line = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
    } catch {
      // It has ended.
    }
    if (secrets.some((secret) => line.includes(secret))) found.push(line.replaceAll('\0', ' '));
  }
  return found;
}

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(folder, entry.name);
    return entry.isDirectory() ? filesUnder(file) : entry.isFile() ? [file] : [];
  });
}

unless(
  test,
  noProc,
  'the secret of a link is in no log and in no argument of what goes on running, only where the host keeps it',
  () =>
    withMembers(async ({ base, member }) => {
      const [host, guest] = [member('h', 'shop'), member('g', 'guest')];
      writeFileSync(path.join(host.folder, 'counter.js'), COUNTER);
      const run = host.start('run', '--', 'node', 'counter.js');
      await run.line(/^port \d+$/);
      const { link } = await host.ask('sandbox.open', 'open');
      const second = await host.ask('invite.create', 'invite', '--role', 'viewer');
      const secrets = [link as string, second.link as string].flatMap(secretsOf);

      const joining = guest.start('join', link as string, '--name', 'bob');
      await eventually('the question', async () => {
        const { requests } = await host.see('request.list');
        return requests.find(({ kind }) => kind === 'join');
      });
      assert.equal(commandLinesWith(secrets), [], 'while it waits for the answer');
      await host.approveNext('join');
      assert.is(await joining.exited(), 0);
      await eventually('the program at the guest', async () => (await guest.see('target.list')).targets[0]);
      assert.equal(commandLinesWith(secrets), [], 'while both work');

      const files = [...filesUnder(host.home), ...filesUnder(guest.home)];
      assert.ok(
        files.some((file) => file.endsWith('daemon.log') && statSync(file).size > 0),
        files.join(),
      );
      const leaks = files.filter((file) => {
        const bytes = readFileSync(file);
        return secrets.some((secret) => bytes.includes(secret));
      });
      // Where the host's daemon keeps its own links, to show them again.
      assert.equal(
        leaks.map((file) => [path.relative(base, file).replace(/[0-9a-f]{40}/, 'id'), statSync(file).mode & 0o777]),
        [['h/data/sandboxes/id/local.json', 0o600]],
      );
    }),
);

test('the secret of a link is in nothing that a joiner sends or gets, byte by byte', () =>
  withMembers(async ({ member }) => {
    const [host, guest] = [member('h', 'shop'), member('g', 'guest')];
    await host.ask('sandbox.open', 'open');
    const { link } = await host.ask('invite.create', 'invite', '--role', 'viewer');
    const parsed = parseLink(link as string, new NodeCrypto());
    const [address] = parsed.peers[0]?.addresses ?? [];
    assert.is(address?.length, 8, 'a loopback address of TCP');
    const port = Buffer.from(address as Uint8Array).readUInt16BE(6);
    const passed: Uint8Array[] = [];
    const proxy = await LinkProxy.start(port, (bytes) => passed.push(bytes.slice()));
    try {
      // The same link by way of the recorder: what it holds beside the addresses is untouched.
      const addresses = [loopbackAddress(proxy.port)];
      const peers = parsed.peers.map(({ key }) => ({ key, addresses }));
      const byProxy = encodeLink({ ...parsed, peers });
      const { sandbox } = await guest.ask('sandbox.join', 'join', byProxy, '--name', 'bob');
      assert.is(sandbox.role, 'viewer');
      const bytes = Buffer.concat(passed);
      assert.ok(bytes.length > 2_000, `${bytes.length} bytes were recorded`);
      for (const form of [...secretsOf(byProxy), ...secretsOf(link as string)]) assert.not(bytes.includes(form));
      assert.is(bytes.indexOf(parsed.inviteSeed), -1);
      assert.is(bytes.indexOf(parsed.ownerKey), -1, 'nor anything else in the clear');
    } finally {
      proxy.stop();
    }
  }));

/** Whether somebody who starts a daemon now may sign control entries. */
async function signs(owner: Member): Promise<string | undefined> {
  await owner.ask('daemon.stop', 'stop');
  return await owner.refusal('invite');
}

unless(
  test,
  KEYRING_OBSTACLE,
  'a control key in the keyring opens by itself after a restart, and nowhere without it',
  () =>
    withKeyring((_folder, bus) =>
      withMembers(async ({ member }) => {
        const owner = member('o', 'project');
        owner.setVariable('DBUS_SESSION_BUS_ADDRESS', bus);
        await owner.ask('sandbox.open', 'open');
        assert.is((await owner.ask('key.protect', 'key', 'protect', '--keyring')).by, 'keyring');
        assert.not(filesUnder(owner.home).some((file) => path.basename(file) === 'owner.key'));
        assert.is(await signs(owner), undefined);
        owner.setVariable('DBUS_SESSION_BUS_ADDRESS', 'unix:path=/nowhere');
        assert.is(await signs(owner), 'KEY_LOCKED');
        assert.is(await owner.refusal('key', 'unlock'), 'KEYRING_UNAVAILABLE');
        owner.setVariable('DBUS_SESSION_BUS_ADDRESS', bus);
        assert.is(await signs(owner), undefined);
        const { archive = '' } = await owner.ask('sandbox.leave', 'leave', '--archive', '--yes');
        await owner.ask('storage.import', 'import', archive);
        assert.is(await owner.refusal('invite'), undefined, 'an archive opens with the keyring it was made under');
        await owner.ask('key.protect', 'key', 'protect', '--off');
        owner.setVariable('DBUS_SESSION_BUS_ADDRESS', 'unix:path=/nowhere');
        assert.is(await signs(owner), undefined);
      }),
    ),
);

test.run();
