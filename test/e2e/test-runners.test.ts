// test: full
// test: limit 240 s
/** Test runners as people start them: a breakpoint in a test file stops, wherever the runner runs it. */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { SandmeshClient } from '#client/sdk/client.ts';
import { targetSeenBy } from './mesh/debugging.ts';
import { withMembers } from './mesh/members.ts';
import { createNpmProject } from './npm-project.ts';

interface Runner {
  readonly title: string;
  readonly argv: readonly string[];
  /** The package that it is; none for Node's own. */
  readonly package?: string;
  /** How files of the project end, and are written: ES modules unless this is `js`. */
  readonly ending?: 'js' | 'mjs';
  /** Where a test file of ES modules has `test` from; nowhere if it is global. */
  readonly testFrom?: string;
  /** What it prints when both tests have passed. */
  readonly success: RegExp;
}

const MOCHA = {
  package: 'mocha',
  testFrom: "{ it as test } from 'mocha'",
  success: /2 passing/,
};
const VITEST = {
  package: 'vitest',
  testFrom: "{ test } from 'vitest'",
  success: /Tests +2 passed/,
};
const JEST = {
  package: 'jest',
  success: /Tests: +2 passed/,
};
const mocha = ['node_modules/mocha/bin/mocha.js', '--timeout', '0'];
const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--globals', '--no-color', '--test-timeout=0'];
const jest = ['node_modules/jest/bin/jest.js', '--testTimeout=1000000'];
// a few quick tests, or one processor to spare, and jest starts no worker by itself
const jestWorkers = [...jest, '--maxWorkers=2'];

// A test that somebody looks at takes longer than runners allow: people switch that limit off.
const runners: readonly Runner[] = [
  {
    title: 'node --test',
    argv: ['--test', '--test-reporter=tap'],
    testFrom: "{ test } from 'node:test'",
    success: /^# pass 2$/m,
  },
  { ...MOCHA, title: 'mocha', argv: [...mocha, '*.test.mjs'] },
  { ...MOCHA, title: 'mocha --parallel', argv: [...mocha, '--parallel', '*.test.mjs'] },
  { ...VITEST, title: 'vitest, forks', argv: [...vitest, '--pool=forks'] },
  { ...VITEST, title: 'vitest, threads', argv: [...vitest, '--pool=threads'] },
  { ...JEST, title: 'jest, processes', argv: jestWorkers, ending: 'js' },
  { ...JEST, title: 'jest, threads', argv: [...jestWorkers, '--workerThreads'], ending: 'js' },
  { ...JEST, title: 'jest --runInBand', argv: [...jest, '--runInBand'], ending: 'js' },
  { ...JEST, title: 'jest, ES modules', argv: ['--experimental-vm-modules', ...jest, '--runInBand'] },
];

/** Of the file that is tested, the line after the sum. */
const TOTAL_LINE = 3;
/** Of a test file, the line with its assertion. */
const ASSERTION_LINE = 6;

function cart({ ending }: Runner): string {
  return `${ending === 'js' ? 'exports.total =' : 'export'} function total(prices) {
  const sum = prices.reduce((a, b) => a + b, 0);
  return sum;
}
`;
}

function testFile({ ending, testFrom }: Runner, name: string, prices: string): string {
  const imports =
    ending === 'js'
      ? "const assert = require('node:assert');\nconst { total } = require('./cart.js');"
      : "import assert from 'node:assert';\nimport { total } from './cart.mjs';";
  return `${testFrom === undefined ? '' : `import ${testFrom};`}
${imports}
test('${name}', () => {
  const found = total(${prices});
  assert.strictEqual(typeof found, 'number');
});
`;
}

function writeProject(folder: string, runner: Runner): void {
  const ending = runner.ending ?? 'mjs';
  createNpmProject(folder, runner.package === undefined ? [] : [runner.package], {
    'package.json': `{ "name": "checkout", "type": "${ending === 'js' ? 'commonjs' : 'module'}" }\n`,
    [`cart.${ending}`]: cart(runner),
    [`small.test.${ending}`]: testFile(runner, 'a small cart', '[1]'),
    [`large.test.${ending}`]: testFile(runner, 'a large cart', '[20, 30]'),
  });
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
      writeProject(host.folder, runner);
      const ending = runner.ending ?? 'mjs';
      await host.ask('sandbox.open', 'open');
      const inTest = await host.ask('breakpoint.add', 'break', `large.test.${ending}:${ASSERTION_LINE}`);
      const client = await host.client();
      const run = host.start('run', '-q', '--', 'node', ...runner.argv);

      assert.equal(await stop(client, 'found'), [`large.test.${ending}`, ASSERTION_LINE, '50']);
      assert.is(await run.exited(), 0, run.output);
      assert.match(run.output, runner.success);

      await host.ask('breakpoint.remove', 'break', 'rm', inTest.id);
      await host.ask('breakpoint.add', 'break', `cart.${ending}:${TOTAL_LINE}`, '--if', 'sum === 1');
      const again = host.start('run', '-q', '--', 'node', ...runner.argv);
      assert.equal(await stop(client, 'sum'), [`cart.${ending}`, TOTAL_LINE, '1']);
      assert.is(await again.exited(), 0, again.output);
    }));
}

test('jest: a test that fails after its stop fails the run, by its own exit code', () =>
  withMembers(async ({ member }) => {
    const host = member('h', 'project');
    const runner: Runner = { ...JEST, title: 'jest', argv: jestWorkers, ending: 'js' };
    writeProject(host.folder, runner);
    // A sum of texts is a text.
    writeFileSync(path.join(host.folder, 'large.test.js'), testFile(runner, 'a cart of texts', "['20']"));
    await host.ask('sandbox.open', 'open');
    await host.ask('breakpoint.add', 'break', `large.test.js:${ASSERTION_LINE}`);
    const client = await host.client();
    const run = host.start('run', '-q', '--', 'node', ...runner.argv);
    assert.equal(await stop(client, 'found'), ['large.test.js', ASSERTION_LINE, '"020"']);
    assert.is(await run.exited(), 1, run.output);
    assert.match(run.output, /Tests: +1 failed, 1 passed/);
  }));

test.run();
