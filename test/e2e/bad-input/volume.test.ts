// test: full
// test: limit 240 s
// test: alone
/** Too much of everything: a script of 100 MB, and a program that prints as fast as it can. */

import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { unless } from '../../skip.ts';
import { request } from '../mesh/debugging.ts';
import { eventually, type Member } from '../mesh/members.ts';
import { noProc } from '../mesh/traces.ts';
import { CLI, refuses, withScene } from './scene.ts';

const MB = 1e6;

/** Highest resident memory so far, bytes. */
function peakMemory(pid: number): number {
  return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

const TAIL = `const http = require('node:http');
let count = 0;
function handle(request, response) {
  count += 1;
  response.end(JSON.stringify({ count }));
}
http.createServer(handle).listen(0, '127.0.0.1', function () { console.log('port', this.address().port); });
`;

/** @returns the line of `count += 1` */
function writeLongScript(file: string): number {
  const lines = 20_000;
  const comment = '// forty characters of nothing in a row\n'.repeat(lines);
  const descriptor = openSync(file, 'w');
  let repeats = 0;
  for (let written = 0; written < 100 * MB; repeats++) written += writeSync(descriptor, comment);
  writeSync(descriptor, TAIL);
  closeSync(descriptor);
  return repeats * lines + 4;
}

unless(
  test,
  noProc,
  'a script of 100 MB: a breakpoint at its end arms and hits, its text comes in parts, memory is bounded',
  () =>
    withScene(async ({ host, daemon }) => {
      const line = writeLongScript(path.join(host.folder, 'long.js'));
      const run = host.start('run', '--private', '--', process.execPath, 'long.js');
      const [, port] = await run.line(/^port (\d+)$/, 60_000);
      const { id, statuses } = await host.ask('breakpoint.add', 'break', 'add', `long.js:${line}`);
      assert.equal([statuses[0]?.state, statuses[0]?.line], ['armed', line]);
      const answer = request(`http://127.0.0.1:${port}/`);
      const pause = await eventually('the pause', async () => {
        const { targets } = await host.see('target.list');
        return targets[0]?.pause ?? undefined;
      });
      assert.equal([pause.hitBreakpoints, pause.frames[0]?.line], [[id], line]);
      assert.match((await host.cli('stack')).stdout, /> *\d+ │ {3}count \+= 1;/);
      const part = await host.ask('source.get', 'source', 'long.js:1000', '-n', '3');
      assert.equal([part.fromLine, part.text.split('\n').length], [999, 3]);
      assert.is(part.totalLines, line + 4);
      await refuses(host, ['source', 'long.js'], {
        exit: 1,
        code: 'RESULT_TOO_LARGE',
        says: ['"long.js"', 'Read it in parts', '--lines'],
      });
      assert.match((await host.cli('break', 'add', 'long.js:5')).stdout, 'has no code at line 5 or soon after it');
      assert.match((await host.cli('break', 'add', '--function', 'handle')).stdout, 'because of its size: 1 script');
      await host.ask('execution.resume', 'resume');
      assert.equal(await answer, { count: 1 });
      const peak = peakMemory(daemon);
      assert.ok(peak < 700 * MB, `${Math.round(peak / MB)} MB at most`);
    }),
);

async function linesOf(member: Member) {
  return (await member.ask('output.read', 'log', '-n', '2000')).lines;
}

unless(
  test,
  noProc,
  'a program that prints 100,000 lines a second keeps its pace; what is shared is bounded and says what was dropped',
  () =>
    withScene(async ({ host, daemon, file }) => {
      const program = file(
        'loud.js',
        `let n = 0;
const until = Date.now() + 5_000;
const started = Date.now();
(function batch() {
  for (let i = 0; i < 1_000; i++) console.log('line', n++);
  if (Date.now() < until) setTimeout(batch, Math.max(0, n / 100 - (Date.now() - started)));
  else {
    require('fs').writeFileSync('printed', JSON.stringify({ n, ms: Date.now() - started }));
    setTimeout(() => console.error('last words'), 1_000);
    setInterval(() => undefined, 1_000);
  }
})();
`,
      );
      // What it prints goes to a file: a pipe that this test reads would be what slows it down.
      const run = host.spawn('sh', [
        '-c',
        `exec "$0" "$1" run --private -- "$0" ${program} > out 2> err`,
        process.execPath,
        CLI,
      ]);
      const printed = await eventually(
        'the program to have printed all',
        () => {
          try {
            return JSON.parse(readFileSync(path.join(host.folder, 'printed'), 'utf8')) as { n: number; ms: number };
          } catch {
            // not yet
            return undefined;
          }
        },
        60_000,
      );
      assert.is(readFileSync(path.join(host.folder, 'out'), 'utf8').trim().split('\n').length, printed.n);
      assert.ok(printed.n > 50_000, `it printed ${printed.n} lines in ${printed.ms} ms`);
      const lines = await eventually('its last words', async () => {
        const kept = await linesOf(host);
        return kept.some(({ text }) => text.includes('last words')) ? kept : undefined;
      });
      assert.ok(lines.length <= 2_000);
      const dropped = lines.reduce((sum, line) => sum + (line.dropped ?? 0), 0);
      assert.ok(dropped > 0, 'it says that lines were dropped');
      // Every line has a number of its own, whether it was kept or not: nothing is lost without a word.
      assert.is(lines.at(-1)?.sequence, printed.n + 1);
      assert.match((await host.cli('log', '-n', '2000')).stdout, /\d+ lines dropped/);
      assert.ok(peakMemory(daemon) < 300 * MB, `${Math.round(peakMemory(daemon) / MB)} MB at most`);
      await run.stop();
    }),
);

test.run();
