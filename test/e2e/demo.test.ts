// test: limit 180 s
/** `npm start` as a newcomer meets it: the shop, the link, the solo trial from a second home, and a clean end. */

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const root = path.resolve(import.meta.dirname, '../..');
const cli = path.join(root, '.dist/cli.cjs');

interface Demo {
  /** What it printed so far, both streams. */
  output(): string;
  /** Ctrl-C as a terminal sends it: to the whole group. @returns how npm ended: it repeats the signal or exits */
  interrupt(): Promise<number | NodeJS.Signals>;
}

async function waitFor<T>(
  what: string,
  probe: () => T | undefined | Promise<T | undefined>,
  context: () => string,
): Promise<T> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const value = await probe();
    if (value !== undefined) return value;
    if (performance.now() > deadline) throw new Error(`Waited in vain for ${what}. It printed:\n${context()}`);
    await delay(50);
  }
}

async function withDemo(act: (demo: Demo) => Promise<void>): Promise<void> {
  const child = spawn('npm', ['--silent', 'start'], { cwd: root, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const exited = once(child, 'exit');
  const interrupt = async (): Promise<number | NodeJS.Signals> => {
    process.kill(-(child.pid as number), 'SIGINT');
    const [code, signal] = await exited;
    return code ?? signal;
  };
  try {
    await act({ output: () => output, interrupt });
  } finally {
    if (child.exitCode === null && child.signalCode === null) await interrupt();
  }
}

/** Runs the CLI to its end in a home; the demo's own home unless another is given. */
function sandmesh(
  args: readonly string[],
  home = process.env['SANDMESH_HOME'],
): { status: number | null; text: string } {
  const env = { ...process.env, SANDMESH_HOME: home };
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], { cwd: root, env, encoding: 'utf8' });
  return { status, text: stdout + stderr };
}

function listens(address: string): Promise<boolean> {
  return fetch(address).then(
    () => true,
    () => false,
  );
}

test('npm start prints the link and what to try, a second home joins by it, and Ctrl-C leaves nothing behind', async () => {
  const guestHome = path.join(os.tmpdir(), 'guest');
  await withDemo(async (demo) => {
    const link = await waitFor(
      'the link',
      () => /join --name guest '(sandmesh:\S+)'/.exec(demo.output())?.[1],
      demo.output,
    );
    const address = /The tea shop.* is at (http:\S+),/.exec(demo.output())?.[1] ?? '';
    assert.ok(await listens(`${address}/products`));
    const location = /break add (\S+)/.exec(demo.output())?.[1] ?? '';
    assert.match(location, /^test\/apps\/shop\/pricing\.ts:\d+$/);

    const joining = spawn(process.execPath, [cli, 'join', link], {
      cwd: root,
      env: { ...process.env, SANDMESH_HOME: guestHome },
      stdio: 'ignore',
    });
    try {
      await waitFor(
        'the request',
        () => (sandmesh(['requests', '--json']).text.includes('"join"') ? true : undefined),
        demo.output,
      );
      const { requests }: { requests: { id: string }[] } = JSON.parse(sandmesh(['requests', '--json']).text);
      assert.is(sandmesh(['approve', requests[0]?.id ?? '']).status, 0);
      if (joining.exitCode === null) await once(joining, 'exit');
      assert.is(joining.exitCode, 0);

      assert.is(sandmesh(['break', 'add', location], guestHome).status, 0);
      await waitFor(
        'the pause at the guest',
        () => (sandmesh(['stack'], guestHome).text.includes('priceCart') ? true : undefined),
        demo.output,
      );
      assert.is(sandmesh(['resume'], guestHome).status, 0);
    } finally {
      joining.kill();
      sandmesh(['stop'], guestHome);
    }
    assert.ok([0, 'SIGINT'].includes(await demo.interrupt()), demo.output());
    assert.not(await listens(address));
  });
});

test.run();
