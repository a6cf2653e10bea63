// test: full
// test: limit 180 s
/** What must not go wrong with a debug adapter: a viewer runs no code by it, and its death leaves nobody hanging. */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Program } from '#test/bench/programs.ts';
import { unless } from '#test/skip.ts';
import { LINK } from '../mesh/debugging.ts';
import { eventually, type Meeting, type Member, withMembers } from '../mesh/members.ts';
import { NO_DEBUGPY, PYTHON } from './programs.ts';

const BREAKPOINT = `${PYTHON.file}:${PYTHON.line}`;

interface Scene {
  readonly host: Member;
  readonly program: Program;
  readonly link: string;
}

async function start({ member }: Meeting, ...options: string[]): Promise<Scene> {
  const host = member('host', 'work/orders');
  const command = PYTHON.make(host.folder);
  const program = host.start('run', '-q', ...options, '--adapter', 'debugpy', '--', ...command);
  const link = options.includes('--private') ? '' : (await program.line(LINK))[0];
  await program.line(/^ready$/);
  return { host, program, link };
}

/** Has the program stand at its breakpoint. */
async function stop({ host, program }: Scene): Promise<void> {
  await host.ask('breakpoint.add', 'break', 'add', BREAKPOINT);
  await eventually('the breakpoint to be armed', async () => {
    const { breakpoints } = await host.see('breakpoint.list');
    return breakpoints[0]?.statuses.some(({ state }) => state === 'armed') ? true : undefined;
  });
  program.child.stdin?.write('xxx\n');
  await stateBecomes(host, 'paused');
}

function stateBecomes(member: Member, wanted: string): Promise<true> {
  return eventually(`the state "${wanted}"`, async () => {
    const { targets } = await member.see('target.list');
    return targets.some(({ state }) => state === wanted) ? true : undefined;
  });
}

/** The process among those below `pid` whose command line holds a text. */
function below(pid: number, text: string): number | undefined {
  const parents = new Map<number, number>();
  const lines = new Map<number, string>();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
      lines.set(Number(name), readFileSync(`/proc/${name}/cmdline`, 'utf8'));
    } catch {
      // it ended meanwhile
    }
  }
  const isBelow = (child: number): boolean => {
    for (let at: number | undefined = child; at !== undefined && at > 1; at = parents.get(at))
      if (at === pid) return true;
    return false;
  };
  return [...lines].find(([candidate, line]) => line.includes(text) && isBelow(candidate))?.[0];
}

unless(test, NO_DEBUGPY, 'a viewer sees the stop with secrets masked, and neither evaluates, sets nor steps', () =>
  withMembers(async (meeting) => {
    const scene = await start(meeting, '--role', 'viewer');
    const { host, link } = scene;
    const viewer = meeting.member('viewer', 'elsewhere/orders');
    // Whoever may only look is let in by the link alone.
    await viewer.ask('sandbox.join', 'join', link, '--name', 'viewer');
    await stop(scene);
    await stateBecomes(viewer, 'paused');
    const { scopes } = await viewer.ask('inspect.scopes', 'scopes');
    const shown = new Map(scopes[0]?.variables.map(({ name, value }) => [name, value]));
    assert.is(shown.get('each'), '3');
    assert.is(shown.get('password'), '•••• (masked)');
    const { scopes: open } = await host.ask('inspect.scopes', 'scopes');
    assert.is(open[0]?.variables.find(({ name }) => name === 'password')?.value, "'hunter2-and-more'");
    assert.is(await viewer.refusal('eval', 'each'), 'FORBIDDEN');
    assert.is(await viewer.refusal('set', 'each', '4'), 'FORBIDDEN');
    assert.is(await viewer.refusal('step', 'over'), 'FORBIDDEN');
    assert.is(await viewer.refusal('break', 'add', BREAKPOINT, '--if', 'each > 1'), 'FORBIDDEN');

    // The host sets a variable of its own program.
    await host.ask('inspect.set', 'set', 'each', '5');
    await host.ask('execution.resume', 'resume');
    await scene.program.line(/^total 15$/);
  }),
);

unless(test, NO_DEBUGPY, 'what an adapter cannot do is refused and says so', () =>
  withMembers(async (meeting) => {
    const scene = await start(meeting, '--private');
    const { host } = scene;
    await stop(scene);
    const log = await host.ask('breakpoint.add', 'break', 'add', BREAKPOINT, '--log', 'each {each}');
    assert.match(
      log.statuses[0]?.reason ?? '',
      /^Logpoints and tracepoints are for Node programs; debugpy debugs Python$/,
    );
    const { stdout } = await host.cli('inspect', '--json');
    assert.match(JSON.parse(stdout).error.message, /DevTools debug JavaScript, this is Python \(debugpy\)/);
    const bad = await host.ask('breakpoint.add', 'break', 'add', `${PYTHON.file}:${PYTHON.line}`, '--if', 'nope(');
    assert.is(bad.statuses[0]?.state, 'armed');
    // Of two at one line it is tested at the stop, and one that fails does not hold.
    await host.ask('execution.resume', 'resume');
    await scene.program.line(/^total 9$/);
    scene.program.child.stdin?.write('xx\n');
    await stateBecomes(host, 'paused');
    const { pause } = await host.ask('inspect.stack', 'stack');
    assert.is(pause.hitBreakpoints.length, 1);
    assert.not.ok(pause.hitBreakpoints.includes(bad.id));
  }),
);

unless(test, NO_DEBUGPY, 'an adapter that dies while the program stands is told, and nothing hangs', () =>
  withMembers(async (meeting) => {
    const scene = await start(meeting, '--private');
    const { host, program } = scene;
    await stop(scene);
    const adapter = below(program.pid, 'debugpy.adapter') ?? below(program.pid, `debugpy${path.sep}adapter`);
    if (adapter === undefined) throw new Error('The adapter is not found');
    process.kill(adapter, 'SIGKILL');
    await eventually('the target to be over', async () => {
      const { targets } = await host.see('target.list');
      return ['exited', 'detached'].includes(targets[0]?.state ?? '') ? true : undefined;
    });
    assert.match((await host.refusal('eval', 'each')) ?? '', /^TARGET_/);
    program.child.stdin?.end();
    await program.exited();
  }),
);

unless(test, NO_DEBUGPY, 'an adapter of the configuration works by its command and by where it listens', () =>
  withMembers(async ({ member }) => {
    const host = member('host', 'work/orders');
    const [python = '', file = ''] = PYTHON.make(host.folder);
    const listening = host.spawn(python, [
      '-m',
      'debugpy.adapter',
      '--host',
      '127.0.0.1',
      '--port',
      '0',
      '--log-stderr',
    ]);
    const port = (await listening.line(/Listening for incoming Client connections on 127\.0\.0\.1:(\d+)/))[1];
    const asked = {
      console: 'integratedTerminal',
      python: [python],
      program: '{program}',
      args: ['{args}'],
      cwd: '{cwd}',
    };
    const adapters = {
      typed: { command: [python, '-m', 'debugpy.adapter'], arguments: asked, language: 'Python' },
      listening: { address: `127.0.0.1:${port}`, arguments: asked },
    };
    mkdirSync(path.join(host.home, 'config'), { recursive: true });
    writeFileSync(path.join(host.home, 'config', 'config.json'), JSON.stringify({ 'debug.adapters': adapters }));
    for (const name of Object.keys(adapters)) {
      const program = host.start('run', '-q', '--private', '--adapter', name, '--', file);
      await program.line(/^ready$/);
      await stop({ host, program, link: '' });
      const { result } = await host.ask('inspect.evaluate', 'eval', 'each * 7');
      assert.is(result.value, '21');
      await host.ask('execution.resume', 'resume');
      program.child.stdin?.end();
      assert.is(await program.exited(), 7);
    }
    assert.is(await host.refusal('config', 'set', 'debug.adapters', '{}'), 'CONFIG_INVALID');
    const unknown = host.start('run', '-q', '--private', '--adapter', 'nope', '--', file);
    await unknown.line(/there is no such adapter/);
    assert.is(await unknown.exited(), 2);
  }),
);

test.run();
