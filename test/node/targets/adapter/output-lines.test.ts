import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { OutputLines } from '#node/targets/adapter/output-lines.ts';
import { until } from '#test/until.ts';

function heard(): { lines: string[]; output: OutputLines } {
  const lines: string[] = [];
  return { lines, output: new OutputLines((category, line) => lines.push(`${category}: ${line}`)) };
}

test('a line told in pieces is one line, each stream for itself', () => {
  const { lines, output } = heard();
  for (const piece of ['total', ' ', '9', '\n']) {
    output.add('stdout', piece);
    output.add('stderr', piece === '9' ? 'oh\n' : '');
  }
  output.add('stdout', 'a\r\nb\n\nc');
  assert.equal(lines, ['stderr: oh', 'stdout: total 9', 'stdout: a', 'stdout: b', 'stdout: ']);
  output.flush();
  output.flush();
  assert.equal(lines.slice(5), ['stdout: c']);
});

test('a prompt without an end is told all the same, and a line without one is not kept for ever', async () => {
  const { lines, output } = heard();
  output.add('stdout', 'name? ');
  assert.equal(lines, []);
  await until(() => lines.length === 1, 'the prompt');
  assert.equal(lines, ['stdout: name? ']);
  output.add('stdout', 'x'.repeat(70_000));
  assert.is(lines.length, 2);
});

test.run();
