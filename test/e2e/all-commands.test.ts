// test: full
// test: limit 300 s
/**
 * Every command of the CLI once, with --json, in a live session of two members: what it prints is what its help says,
 * whole, and nothing else. A command that is new and not walked here makes the last assertion fail.
 */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { z } from 'zod';
import { commandTable } from '#client/cli/table/command-table.ts';
import { type CommandName, catalogue } from '#protocol/catalogue/catalogue.ts';
import { topics } from '#protocol/topics.ts';
import { sandboxIdSchema } from '#shared/model/schemas.ts';
import { armed, COUNTER, COUNTER_LINE, pauseSeenBy, request, targetSeenBy } from './mesh/debugging.ts';
import { eventually, type Member, withMembers } from './mesh/members.ts';

/** Walked where what they need is at hand. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'key protect': 'a passphrase typed on a terminal',
  'key unlock': 'a passphrase typed on a terminal',
  recover: 'an owner key that is lost',
  import: 'a home without the sandbox',
  dap: 'a debug client: test/e2e/dap',
  adapter: 'an editor that launches: test/e2e/adapters/launch.test.ts',
  prepare: 'a program under node --import: test/e2e/pack.test.ts',
};

const result = (name: CommandName): z.ZodType => catalogue[name].result;
const { targets: targetList } = catalogue['target.list'].result.shape;
const OWN_SHAPES = {
  attached: catalogue['sandbox.open'].result.extend({ target: catalogue['target.attach'].result }),
  status: z.strictObject({
    daemon: result('daemon.status'),
    sandboxes: catalogue['sandbox.list'].result.shape.sandboxes,
    targets: targetList,
  }),
  leases: z.strictObject({ leases: z.array(targetList.element.shape.lease) }),
  checks: z.strictObject({
    checks: z.array(
      z.strictObject({
        name: z.string(),
        state: z.enum(['ok', 'warning', 'problem']),
        detail: z.string(),
        advice: z.string().optional(),
      }),
    ),
  }),
  completion: z.strictObject({ shell: z.literal('bash'), script: z.string() }),
  values: z.strictObject({ values: z.array(z.string()) }),
};

const messageSchema = z.strictObject({
  topic: z.enum(Object.keys(topics) as [keyof typeof topics]),
  event: z.unknown(),
  sandbox: sandboxIdSchema,
  sequence: z.number().int(),
});

/** Remembers which commands were asked. */
class Walk {
  readonly walked = new Set<string>();

  note(args: readonly string[]): void {
    const two = args.slice(0, 2).join(' ');
    const spec = commandTable.find(({ name }) => name === two) ?? commandTable.find(({ name }) => name === args[0]);
    const isDefault = commandTable.find(({ name, isDefault: bare }) => bare === true && name.startsWith(`${args[0]} `));
    this.walked.add((spec ?? isDefault)?.name ?? two);
  }

  /** @returns what it printed, which `shape` describes to the last field */
  async tells(member: Member, args: readonly string[], shape: CommandName | z.ZodType, exit = 0): Promise<unknown> {
    this.note(args);
    const line = `sandmesh ${args.join(' ')} --json`;
    const { code, stdout, stderr } = await member.cli(...args, '--json');
    assert.is(code, exit, `${line}: ${stderr}${stdout}`);
    assert.is(stderr, '', line);
    assert.is(stdout.trim().split('\n').length, 1, `${line} printed ${stdout}`);
    return this.#fits(stdout, shape, line);
  }

  /** One document per line for as long as it runs; ends it once `enough` lines came. */
  async follows(member: Member, args: readonly string[], shapes: readonly (CommandName | z.ZodType)[]): Promise<void> {
    this.note(args);
    const line = `sandmesh ${args.join(' ')} --json`;
    const program = member.start(...args, '--json');
    await eventually(
      `${shapes.length} lines of ${line}`,
      () => lines(program.output).length >= shapes.length || undefined,
    );
    for (const [index, shape] of shapes.entries()) this.#fits(lines(program.output)[index] ?? '', shape, line);
    program.child.kill('SIGINT');
    await program.exited();
  }

  #fits(text: string, shape: CommandName | z.ZodType, line: string): unknown {
    const printed: unknown = JSON.parse(text);
    const parsed = (typeof shape === 'string' ? result(shape) : shape).safeParse(printed);
    assert.ok(parsed.success, `${line} printed ${text.slice(0, 500)}: ${parsed.error?.message}`);
    assert.equal(parsed.data, printed, `${line} prints more than its shape says`);
    return printed;
  }
}

function lines(output: string): string[] {
  return output.split('\n').filter((line) => line.startsWith('{'));
}

/** Who is let in and who is not. */
async function meet(walk: Walk, host: Member, guest: Member, rejected: Member, link: string): Promise<void> {
  const joining = walk.tells(guest, ['join', link, '--name', 'alice'], 'sandbox.join');
  await waiting(host);
  await walk.tells(host, ['requests'], 'request.list');
  await walk.tells(host, ['approve', 'alice'], 'request.approve');
  await joining;
  // A link lets one person in: the next needs another.
  const { link: another = '' } = (await walk.tells(host, ['open'], 'sandbox.open')) as { link?: string };
  const refused = rejected.cli('join', another, '--name', 'mallory', '--json');
  await waiting(host);
  await walk.tells(host, ['deny', 'mallory'], 'request.deny');
  assert.is((await refused).code, 4);
}

async function waiting(host: Member): Promise<void> {
  await eventually('a request', async () => {
    const { requests } = await host.see('request.list');
    return requests.length > 0 ? true : undefined;
  });
}

async function drafts(walk: Walk, host: Member): Promise<void> {
  await walk.tells(host, ['draft', 'open', 'counter.js'], 'draft.open');
  await walk.tells(host, ['draft', 'list'], 'draft.list');
  await walk.tells(host, ['draft', 'show', 'counter.js'], 'draft.show');
  await walk.tells(host, ['draft', 'edit', 'counter.js', '--from', 'counter.js'], 'draft.edit');
  await walk.tells(host, ['draft', 'discard', 'counter.js'], 'draft.discard');
}

async function breakpoints(walk: Walk, guest: Member): Promise<string> {
  const location = `counter.js:${COUNTER_LINE}`;
  await walk.tells(guest, ['break', 'add', 'counter.js:2'], 'breakpoint.add');
  await walk.tells(guest, ['break', 'rm', 'counter.js:2'], 'breakpoint.remove');
  await walk.tells(guest, ['undo'], 'breakpoint.undo');
  await walk.tells(guest, ['redo'], 'breakpoint.undo');
  const { id } = (await walk.tells(guest, ['break', 'add', location], 'breakpoint.add')) as { id: string };
  await walk.tells(guest, ['break', 'disable', location], 'breakpoint.enable');
  await walk.tells(guest, ['break', 'enable', location], 'breakpoint.enable');
  await walk.tells(guest, ['break', 'list'], 'breakpoint.list');
  await walk.tells(guest, ['break'], 'breakpoint.list');
  return id;
}

/** The program is paused. */
async function look(walk: Walk, host: Member, guest: Member): Promise<void> {
  await walk.tells(guest, ['stack'], 'inspect.stack');
  await walk.tells(guest, ['scopes'], 'inspect.scopes');
  await walk.tells(guest, ['inspect'], 'cdp.listen');
  const { id } = (await walk.tells(guest, ['snapshot', 'take', 'here'], 'snapshot.take')) as { id: string };
  await walk.tells(guest, ['snapshot', 'list'], 'snapshot.list');
  await walk.tells(guest, ['snapshot', 'show', id], 'snapshot.show');
  await walk.tells(host, ['snapshot', 'rm', id], 'snapshot.remove');
  await walk.tells(guest, ['source'], 'source.get');
  await walk.tells(guest, ['source', '--list', 'counter'], 'source.list');
  const evaluating = walk.tells(guest, ['eval', 'request.url'], 'inspect.evaluate');
  await host.approveNext('consent');
  await evaluating;
  await walk.tells(host, ['set', 'count', '41'], 'inspect.set');
  await walk.tells(guest, ['lease', 'take'], 'lease.take');
  await walk.tells(guest, ['lease'], OWN_SHAPES.leases);
  await walk.tells(guest, ['step', 'over'], 'execution.step');
  await walk.tells(guest, ['lease', 'release'], 'lease.release');
  await walk.tells(guest, ['resume'], 'execution.resume');
}

async function talk(walk: Walk, host: Member, guest: Member): Promise<void> {
  await walk.tells(guest, ['chat', 'look', 'at', 'that'], 'chat.send');
  await walk.tells(host, ['chat'], 'chat.list');
  await walk.follows(host, ['chat', '--follow'], ['chat.list']);
  await walk.tells(guest, ['log', '-n', '5'], 'output.read');
  await walk.follows(guest, ['log', '--follow'], ['output.read']);
  for (const member of [host, guest]) {
    await walk.tells(member, ['members'], 'member.list');
    await walk.tells(member, ['targets'], 'target.list');
    await walk.tells(member, ['status'], OWN_SHAPES.status);
  }
  await walk.tells(host, ['members', '--sessions'], 'session.list');
}

async function trust(walk: Walk, host: Member, base: string): Promise<void> {
  const { invite } = (await walk.tells(host, ['invite', '--role', 'viewer'], 'invite.create')) as {
    invite: { id: string };
  };
  await walk.tells(host, ['invites'], 'invite.list');
  await walk.tells(host, ['revoke', invite.id], 'invite.revoke');
  await walk.tells(host, ['delegate', 'alice', '--role', 'viewer'], 'member.delegate');
  await walk.tells(host, ['delegate', 'alice', '--end'], 'member.delegate');
  await walk.tells(host, ['role', 'alice', 'viewer'], 'member.role');
  await walk.tells(host, ['role', 'alice', 'debugger'], 'member.role');
  await walk.tells(host, ['policy', 'show'], 'policy.show');
  await walk.tells(host, ['policy', 'level', 'counter', 'development'], 'policy.level');
  await walk.tells(host, ['policy', 'set', 'production', 'evaluate', 'deny'], 'policy.set');
  await walk.tells(host, ['audit'], 'audit.list');
  await walk.tells(host, ['audit', '--verify'], 'audit.verify');
  await walk.tells(host, ['checkpoint'], 'storage.checkpoint');
  await walk.tells(host, ['verify'], 'storage.verify');
  await walk.tells(host, ['export', path.join(base, 'archive')], 'storage.export');
  await walk.tells(host, ['token', 'access'], 'token.access');
  const { info } = (await walk.tells(host, ['token', 'create', 'script'], 'token.create')) as { info: { id: string } };
  await walk.tells(host, ['token', 'list'], 'token.list');
  await walk.tells(host, ['token', 'revoke', info.id], 'token.revoke');
}

async function machine(walk: Walk, host: Member): Promise<void> {
  await walk.tells(host, ['config', 'list'], 'config.list');
  await walk.tells(host, ['config', 'get', 'name'], 'config.get');
  await walk.tells(host, ['config', 'set', 'name', 'ada'], 'config.set');
  const { checks } = (await walk.tells(host, ['doctor'], OWN_SHAPES.checks)) as { checks: { state: string }[] };
  assert.equal(
    checks.filter(({ state }) => state === 'problem'),
    [],
  );
  await walk.tells(host, ['completion', 'bash'], OWN_SHAPES.completion);
  for (const kind of ['targets', 'sandboxes', 'breakpoints', 'requests', 'members', 'config']) {
    await walk.tells(host, ['complete-values', kind], OWN_SHAPES.values);
  }
}

test('every command prints with --json what its help says, in a live session of two', () =>
  withMembers(async ({ base, member }) => {
    const walk = new Walk();
    const [host, guest, rejected] = [member('h', 'project'), member('g', 'elsewhere'), member('r', 'third')];
    writeFileSync(path.join(host.folder, 'counter.js'), COUNTER);

    const opened = (await walk.tells(host, ['open'], 'sandbox.open')) as { link: string };
    walk.note(['run']);
    const run = host.start('run', '--json', '--', 'node', 'counter.js');
    const [started] = await run.line(/^\{.*\}$/);
    catalogue['sandbox.open'].result.parse(JSON.parse(started));
    const [, port] = await run.line(/^port (\d+)$/);
    await walk.tells(host, ['share', '--reach', 'loopback'], 'sandbox.share');

    await meet(walk, host, guest, rejected, opened.link);
    const atGuest = await guest.client();
    const target = await targetSeenBy(atGuest);
    const watch = guest.start('watch', '--json');
    walk.note(['watch']);

    const breakpoint = await breakpoints(walk, guest);
    await armed(atGuest, breakpoint);
    const answer = request(`http://127.0.0.1:${port}/`);
    await pauseSeenBy(atGuest, target.id);
    await look(walk, host, guest);
    assert.equal(await answer, { count: 42, url: '/' });
    await walk.tells(guest, ['pause'], 'execution.pause');
    await talk(walk, host, guest);
    await drafts(walk, host);

    const seen = lines(watch.output).map((line) => messageSchema.parse(JSON.parse(line)));
    for (const { topic, event } of seen) topics[topic].parse(event);
    for (const topic of ['pauses', 'breakpoints', 'leases', 'chat']) {
      assert.ok(
        seen.some((message) => message.topic === topic),
        `watch told nothing of ${topic}`,
      );
    }
    watch.child.kill('SIGINT');
    assert.is(await watch.exited(), 0);

    await trust(walk, host, base);
    await machine(walk, host);

    const other = host.spawn(process.execPath, ['-e', "setInterval(() => undefined, 1000); console.log('ready');"]);
    await other.line(/^ready$/);
    await walk.tells(host, ['attach'], 'target.candidates');
    await walk.tells(host, ['attach', String(other.pid)], OWN_SHAPES.attached);
    await walk.tells(host, ['detach', String(other.pid)], 'target.detach');
    await walk.tells(guest, ['leave', '--yes'], 'sandbox.leave');
    await walk.tells(host, ['stop'], 'daemon.stop');

    const missing = commandTable.map(({ name }) => name).filter((name) => !walk.walked.has(name));
    assert.equal(
      missing.filter((name) => !Object.hasOwn(ELSEWHERE, name)),
      [],
    );
  }));

test.run();
