/** A guest without a checkout brings programs into the sandbox it joined, by name; which program is meant when one is away. */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Editor } from './dap/editor.ts';
import { eventually, type Member, withMembers } from './mesh/members.ts';

const STAYS = "setInterval(() => {}, 1000); console.log('pid', process.pid);\n";

function place(member: Member, ...names: string[]): void {
  for (const name of names) writeFileSync(path.join(member.folder, name), STAYS);
}

/** Whose programs this member is shown, in the sandbox of that name. */
async function hostsOf(member: Member, sandbox: string): Promise<number[]> {
  const { targets } = await member.ask('target.list', 'targets', '--sandbox', sandbox);
  return targets.map(({ host }) => Number(host)).sort();
}

test('run, attach, open and an editor use the sandbox that is named, whatever folder they stand in', () =>
  withMembers(async ({ member }) => {
    const host = member('h', 'shop');
    const guest = member('g', 'elsewhere');
    place(host, 'main.js');
    place(guest, 'own.js', 'other.js', 'edited.js');
    const [, link = ''] = await host.start('run', '--', process.execPath, 'main.js').line(/(sandmesh:#\S+)/);
    await guest.join(link, host, 'bob');
    await host.ask('member.role', 'role', 'bob', 'editor');

    guest.start('run', '-q', '--sandbox', 'shop', '--', process.execPath, 'own.js');
    const other = guest.spawn(process.execPath, ['other.js']);
    await other.line(/^pid/);
    assert.is((await guest.cli('attach', '--sandbox', 'shop', String(other.pid))).code, 0);
    const editor = await Editor.open(guest);
    await editor.launchWith({ program: 'edited.js', sandbox: 'shop' });
    for (const each of [host, guest]) {
      await eventually('every program in the one sandbox', async () =>
        (await hostsOf(each, 'shop')).join() === '1,2,2,2' ? true : undefined,
      );
    }
    const opened = await guest.ask('sandbox.open', 'open', '--sandbox', 'shop');
    const { sandboxes } = await guest.ask('sandbox.list', 'status');
    assert.equal(
      sandboxes.map(({ id, name }) => [id, name]),
      [[opened.sandbox.id, 'shop']],
      'no sandbox was made for the folder',
    );
    const refused = await guest.cli('run', '--sandbox', 'nowhere', '--', process.execPath, 'own.js');
    assert.is(refused.code, 5);
    assert.match(refused.stderr, 'there is no such sandbox');
    await editor.leave();
  }));

test('a program of a host that is away is said to be, and meant only by its name; one of a removed member is gone', () =>
  withMembers(async ({ member }) => {
    const host = member('h', 'shop');
    const guest = member('g', 'elsewhere');
    place(host, 'main.js');
    place(guest, 'own.js');
    const [, link = ''] = await host.start('run', '--', process.execPath, 'main.js').line(/(sandmesh:#\S+)/);
    await guest.join(link, host, 'bob');
    await host.ask('member.role', 'role', 'bob', 'editor');
    guest.start('run', '-q', '--sandbox', 'shop', '--', process.execPath, 'own.js');
    await eventually('both at the host', async () => ((await hostsOf(host, 'shop')).length === 2 ? true : undefined));
    assert.is(await host.refusal('pause'), 'TARGET_UNKNOWN', 'two run, and both hosts are here');

    assert.is((await guest.cli('stop')).code, 0);
    const shown = await eventually('the host to see it go', async () => {
      const { stdout } = await host.cli('targets');
      return stdout.includes('away') ? stdout : undefined;
    });
    assert.match(shown, / bob .* running \(its host is away\)/);
    assert.not.match(shown, /\(you\) .* away/);
    assert.is(await host.refusal('pause'), undefined);
    assert.is(await host.refusal('resume'), undefined);

    assert.is((await host.cli('revoke', 'bob')).code, 0);
    assert.equal(await hostsOf(host, 'shop'), [1]);
  }));

test.run();
