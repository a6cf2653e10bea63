// test: limit 120 s
/** Audit, policy, undo, export: as two members meet them at their terminals. */

import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { COUNTER, COUNTER_LINE, LINK } from './mesh/debugging.ts';
import { eventually, type Meeting, type Member, withMembers } from './mesh/members.ts';

interface Pair {
  readonly host: Member;
  readonly guest: Member;
  readonly base: string;
}

/** A host with a program at that level, and a guest without a checkout who was let in as debugger. */
function withPair(level: 'development' | 'production', use: (pair: Pair) => Promise<void>): Promise<void> {
  return withMembers(async ({ base, member }: Meeting) => {
    const [host, guest] = [member('h', 'shop'), member('g', 'guest')];
    writeFileSync(path.join(host.folder, 'counter.js'), COUNTER);
    writeFileSync(path.join(host.folder, 'package.json'), '{ "name": "counter", "version": "1.0.0" }\n');
    const run = host.start('run', '-q', '--', 'env', `NODE_ENV=${level}`, 'node', 'counter.js');
    const [link] = await run.line(LINK);
    await run.line(/^port \d+$/);
    await guest.join(link, host, 'alice');
    await eventually('the target', async () => (await guest.see('target.list')).targets[0]);
    await use({ host, guest, base });
  });
}

async function statusOf(member: Member, id: string) {
  const { breakpoints } = await member.see('breakpoint.list');
  return breakpoints.find((breakpoint) => breakpoint.id === id)?.statuses[0];
}

test('production: a guest sees nothing before the host said yes, then reads on record and changes nothing', () =>
  withPair('production', async ({ host, guest }) => {
    const [target] = (await host.ask('target.list', 'targets')).targets;
    assert.is(target?.level, 'production');
    assert.is(await guest.refusal('log'), 'FORBIDDEN');
    const [{ result }] = await Promise.all([
      guest.ask('inspect.evaluate', 'eval', '6 * 7'),
      host.approveNext('consent'),
    ]);
    assert.is(result.value, '42');
    assert.is(await guest.refusal('eval', 'globalThis.planted = 1'), 'FORBIDDEN');
    assert.is((await host.ask('inspect.evaluate', 'eval', 'typeof planted')).result.value, '"undefined"');
    await guest.ask('output.read', 'log');
    assert.is(await host.refusal('eval', 'globalThis.planted = 1'), 'FORBIDDEN');
    await host.ask('output.read', 'log');

    const { entries } = await host.ask('audit.list', 'audit');
    const alices = entries.filter(({ name }) => name === 'alice');
    const evaluated = alices.find(({ detail }) => detail === '6 * 7');
    assert.equal([evaluated?.type, evaluated?.level, evaluated?.program], ['begun', 'production', 'counter']);
    assert.ok(entries.some(({ of, outcome }) => of === evaluated?.seq && outcome === 'ok'));
    const denied = alices.filter(({ type }) => type === 'denied').map(({ what, outcome }) => `${what} ${outcome}`);
    assert.ok(denied.includes('output.read FORBIDDEN'), denied.join());
  }));

test('the host’s word holds at once: ask puts a command before it, deny takes a guest’s conditions out', () =>
  withPair('development', async ({ host, guest }) => {
    await host.ask('policy.set', 'policy', 'set', 'counter', 'evaluate', 'ask');
    const [{ result }] = await Promise.all([
      guest.ask('inspect.evaluate', 'eval', '1 + 1'),
      host.approveNext('action'),
    ]);
    assert.is(result.value, '2');

    await host.ask('policy.set', 'policy', 'set', 'counter', 'evaluate', 'default');
    await Promise.all([guest.ask('inspect.evaluate', 'eval', '2 + 2'), host.approveNext('consent')]);
    const probe = await guest.ask('breakpoint.add', 'break', 'add', `counter.js:${COUNTER_LINE}`, '--if', 'count < 0');
    const reaches = (state: string) =>
      eventually(state, async () => ((await statusOf(guest, probe.id))?.state === state ? true : undefined));
    await reaches('armed');
    await host.ask('policy.set', 'policy', 'set', 'development', 'code_execution', 'deny');
    await reaches('refused');
    assert.is(await guest.refusal('eval', '1'), 'FORBIDDEN');
    await host.ask('policy.set', 'policy', 'set', 'development', 'code_execution', 'default');
    await reaches('armed');
    const { entries } = await host.ask('audit.list', 'audit');
    const probes = entries.filter(({ what, name }) => what.startsWith('breakpoint.') && name === 'alice');
    assert.equal(
      probes.map(({ what, detail }) => [what, detail]).slice(-3),
      ['armed', 'disarmed', 'refused', 'armed']
        .map((what) => [`breakpoint.${what}`, `counter.js:${COUNTER_LINE} if count < 0`])
        .slice(-3),
    );
  }));

test('an edited audit line is found', () =>
  withPair('development', async ({ host }) => {
    const whole = await host.ask('audit.verify', 'audit', '--verify');
    assert.equal([whole.problems, whole.lines > 0], [[], true]);
    const [name = ''] = readdirSync(whole.folder);
    const file = path.join(whole.folder, name);
    assert.is(statSync(file).mode & 0o777, 0o600);
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replace('"outcome":"ok"', '"outcome":"OK"'));
    const client = await host.client();
    const { problems } = await client.call('audit.verify', {});
    assert.match(problems[0]?.problem ?? '', 'was edited');
    assert.is((await host.cli('audit', '--verify')).code, 1);
  }));

test('undo takes back one’s own edits only; an export brings the sandbox back to the same device, verified', () =>
  withPair('development', async ({ host, guest, base }) => {
    const theirs = await host.ask('breakpoint.add', 'break', 'add', `counter.js:${COUNTER_LINE}`);
    const mine = await guest.ask('breakpoint.add', 'break', 'add', 'counter.js:1');
    const ids = async (): Promise<string[]> =>
      (await guest.ask('breakpoint.list', 'break', 'list')).breakpoints.map(({ id }) => id).sort();
    await eventually('both', async () => ((await ids()).length === 2 ? true : undefined));
    assert.is((await guest.ask('breakpoint.undo', 'undo')).undone?.breakpoint, mine.id);
    assert.equal(await ids(), [theirs.id]);
    assert.is((await guest.ask('breakpoint.undo', 'undo')).undone, null);
    await guest.ask('breakpoint.undo', 'redo');
    assert.equal(await ids(), [mine.id, theirs.id].sort());

    const file = path.join(base, 'shop.sandmesh');
    const { sandbox } = await guest.ask('storage.export', 'export', file);
    assert.is(await host.refusal('import', file), 'BAD_ARGUMENT');
    await guest.ask('sandbox.leave', 'leave', '--yes');
    const damaged = readFileSync(file);
    damaged[damaged.length - 40] = (damaged[damaged.length - 40] ?? 0) ^ 1;
    writeFileSync(`${file}.damaged`, damaged);
    assert.is(await guest.refusal('import', `${file}.damaged`), 'BAD_EXPORT');
    assert.is((await guest.ask('storage.import', 'import', file)).sandbox, sandbox);
    assert.equal(await ids(), [mine.id, theirs.id].sort());
    const { sandboxes } = await guest.ask('storage.verify', 'verify');
    assert.equal(
      sandboxes.map(({ problems }) => problems),
      [[]],
    );
  }));

test.run();
