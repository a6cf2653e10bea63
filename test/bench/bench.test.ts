/** The bench's own parts: a wrong median or a goal judged the wrong way round would make every figure a lie. */

import { spawnSync } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type BenchCase, toLine } from './bench-case.ts';
import { HttpLoad } from './http-load.ts';
import { interleave } from './interleave.ts';
import { cpuMs, rssMb } from './process-usage.ts';
import { Program } from './programs.ts';
import { median, percentile } from './statistics.ts';

function caseOf(fields: Partial<BenchCase>): BenchCase {
  const run = (): never => {
    throw new Error('not run here');
  };
  return { name: 'x', title: 'x', unit: 'ms', better: 'lower', goal: 10, goalOf: 'ours', run, ...fields };
}

test('median and percentiles are those of the sorted samples', () => {
  assert.is(median([9, 1, 5]), 5);
  assert.is(median([4, 1, 3, 2]), 2.5);
  assert.is(percentile([10, 40, 20, 30], 0.5), 20);
  assert.is(percentile([10, 40, 20, 30], 0.99), 40);
  assert.is(percentile([10, 40, 20, 30], 0), 10);
});

test('a goal is judged in the direction of better, on ours or on the ratio to the best peer', () => {
  const peers = { slow: 40, fast: 8 };
  assert.equal(toLine(caseOf({}), { ours: 4, peers }), {
    case: 'x',
    unit: 'ms',
    ours: 4,
    peers,
    ratio: 0.5,
    goal: 'ours <= 10',
    holds: true,
  });
  assert.is(toLine(caseOf({}), { ours: 10.1, peers: {} }).holds, false);
  assert.is(toLine(caseOf({}), { ours: 1, peers: {} }).ratio, null);
  const throughput = caseOf({ better: 'higher', goal: 0.95, goalOf: 'ratio' });
  assert.is(toLine(throughput, { ours: 94, peers: { bare: 100 } }).holds, false);
  assert.is(toLine(throughput, { ours: 96, peers: { bare: 100, worse: 50 } }).holds, true);
  assert.throws(() => toLine(throughput, { ours: 96, peers: {} }), /no peer/);
});

test('contenders take turns in a rotating order, and the warm-up is thrown away', async () => {
  const order: string[] = [];
  const contender = (name: string) => async (): Promise<number> => order.push(name);
  const { samples } = await interleave({ ours: contender('a'), peer: contender('b') }, { rounds: 2, warmup: 1 });
  assert.equal(order, ['a', 'b', 'b', 'a', 'a', 'b']);
  assert.equal(samples, { ours: [4, 5], peer: [3, 6] });
});

test('a program’s line is found before and after it is asked for, and its end is told', async () => {
  const program = new Program(process.execPath, ['-e', 'console.log("ready on 42"); console.error("bad luck")']);
  assert.is((await program.line(/ready on (\d+)/))[1], '42');
  assert.is((await program.line(/ready on (\d+)/))[1], '42');
  const failure = await program.line(/never/).catch((error: unknown) => String(error));
  assert.match(String(failure), /ended before it printed \/never\//);
  assert.match(String(failure), /bad luck/);
  assert.is(await program.exited(), 0);
});

test('the load generator counts replies of both kinds, and refuses to count errors', async () => {
  let served = 0;
  const server = createServer((request, response) => {
    served += 1;
    if (request.url === '/broken') response.writeHead(500);
    if (request.url === '/chunked') response.write('part');
    response.end('done');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const load = new HttpLoad();
  try {
    for (const path of ['/plain', '/chunked']) {
      assert.ok((await load.measure({ url: url + path, durationMs: 200 })) > 100);
    }
    assert.ok(served > 40);
    const failure = await load.measure({ url: `${url}/broken`, durationMs: 100 }).catch((error: unknown) => error);
    assert.match(String(failure), 'Not a good reply');
  } finally {
    await load.stop();
    server.close();
  }
});

test('a process’s memory and processor time are read', async () => {
  assert.ok((await rssMb(process.pid)) > 20);
  assert.ok((await cpuMs(process.pid)) > 0);
});

test('the command line lists cases and names an unknown one', () => {
  const bench = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(process.execPath, ['--import', 'tsx', path.join(import.meta.dirname, 'run.ts'), ...args], {
      encoding: 'utf8',
    });
  assert.match(bench('--list').stdout, /^channel-call {2,}a call and its reply/m);
  const unknown = bench('no-such-case');
  assert.is(unknown.status, 2);
  assert.match(unknown.stderr, '"no-such-case"');
});

test('a case prints its one stable line', () => {
  const { stdout } = spawnSync(
    process.execPath,
    ['--import', 'tsx', path.join(import.meta.dirname, 'run.ts'), '--json', '--quick', 'channel-call'],
    { encoding: 'utf8' },
  );
  const line = JSON.parse(stdout);
  assert.equal(Object.keys(line), ['case', 'unit', 'ours', 'peers', 'ratio', 'goal', 'holds']);
  assert.is(line.case, 'channel-call');
  assert.ok(line.peers['json-lines'] > 0);
});

test.run();
