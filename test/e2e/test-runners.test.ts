// test: full
// test: limit 240 s
/** Test runners as people start them: a breakpoint in a test file stops, wherever the runner runs it. */

import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { SandmeshClient } from '#client/sdk/client.ts';
import { targetSeenBy } from './mesh/debugging.ts';
import { type Member, withMembers } from './mesh/members.ts';

const packages = path.resolve(import.meta.dirname, '../../node_modules');

interface Runner {
  readonly title: string;
  readonly argv: readonly string[];
  /** How a test file begins. */
  readonly imports: string;
  /** What it prints when both tests have passed. */
  readonly success: RegExp;
}

const MOCHA = 'node_modules/mocha/bin/mocha.js';
const VITEST = ['node_modules/vitest/vitest.mjs', 'run', '--globals', '--no-color', '--test-timeout=0'];
const vitestImports = "import { test } from 'vitest';";

// A test that somebody looks at takes longer than runners allow: people switch that limit off.
const runners: readonly Runner[] = [
  {
    title: 'node --test',
    argv: ['--test', '--test-reporter=tap'],
    imports: "import { test } from 'node:test';",
    success: /^# pass 2$/m,
  },
  {
    title: 'mocha',
    argv: [MOCHA, '--timeout', '0', '*.test.mjs'],
    imports: "import { it as test } from 'mocha';",
    success: /2 passing/,
  },
  {
    title: 'mocha --parallel',
    argv: [MOCHA, '--timeout', '0', '--parallel', '*.test.mjs'],
    imports: "import { it as test } from 'mocha';",
    success: /2 passing/,
  },
  { title: 'vitest, forks', argv: [...VITEST, '--pool=forks'], imports: vitestImports, success: /Tests +2 passed/ },
  { title: 'vitest, threads', argv: [...VITEST, '--pool=threads'], imports: vitestImports, success: /Tests +2 passed/ },
];

const CART = `export function total(prices) {
  const sum = prices.reduce((a, b) => a + b, 0);
  return sum;
}
`;
const TOTAL_LINE = 3;
/** Of a test file, the line with its assertion. */
const ASSERTION_LINE = 6;

function testFile({ imports }: Runner, name: string, prices: string): string {
  return `${imports}
import assert from 'node:assert';
import { total } from './cart.mjs';
test('${name}', () => {
  const found = total(${prices});
  assert.strictEqual(typeof found, 'number');
});
`;
}

function writeProject({ folder }: Member, runner: Runner): void {
  mkdirSync(path.join(folder, 'node_modules'));
  for (const name of ['mocha', 'vitest']) {
    symlinkSync(path.join(packages, name), path.join(folder, 'node_modules', name));
  }
  const files = {
    'package.json': '{ "name": "checkout", "type": "module" }\n',
    'cart.mjs': CART,
    'small.test.mjs': testFile(runner, 'a small cart', '[1]'),
    'large.test.mjs': testFile(runner, 'a large cart', '[20, 30]'),
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text);
}

/** Waits for a stop, looks, and lets it run on. */
async function stop(client: SandmeshClient, expression: string): Promise<readonly [string, number, string]> {
  const target = await targetSeenBy(client, ({ state }) => state === 'paused');
  const { pause } = await client.call('inspect.stack', { target: target.id });
  const { result } = await client.call('inspect.evaluate', { target: target.id, expression });
  await client.call('execution.resume', { target: target.id });
  const [frame] = pause.frames;
  return [frame?.file?.path ?? '', frame?.line ?? 0, result.value];
}

for (const runner of runners) {
  test(`${runner.title}: a breakpoint in a test file, and one in what it tests`, () =>
    withMembers(async ({ member }) => {
      const host = member('h', 'project');
      writeProject(host, runner);
      await host.ask('sandbox.open', 'open');
      const inTest = await host.ask('breakpoint.add', 'break', `large.test.mjs:${ASSERTION_LINE}`);
      const client = await host.client();
      const run = host.start('run', '-q', '--', 'node', ...runner.argv);

      assert.equal(await stop(client, 'found'), ['large.test.mjs', ASSERTION_LINE, '50']);
      assert.is(await run.exited(), 0, run.output);
      assert.match(run.output, runner.success);

      await host.ask('breakpoint.remove', 'break', 'rm', inTest.id);
      await host.ask('breakpoint.add', 'break', `cart.mjs:${TOTAL_LINE}`, '--if', 'sum === 1');
      const again = host.start('run', '-q', '--', 'node', ...runner.argv);
      assert.equal(await stop(client, 'sum'), ['cart.mjs', TOTAL_LINE, '1']);
      assert.is(await again.exited(), 0, again.output);
    }));
}

test.run();
