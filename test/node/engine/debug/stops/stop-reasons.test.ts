import type { Protocol } from 'devtools-protocol';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { reasonsOf } from '#node/engine/debug/stops/stop-reasons.ts';

function paused(reason: string, reasons?: readonly string[]): Protocol.Debugger.PausedEvent {
  const data = reasons && { reasons: reasons.map((each) => ({ reason: each })) };
  return { callFrames: [], reason: reason as never, ...(data === undefined ? {} : { data }) };
}

test('a stop for several reasons is told by each of them', () => {
  assert.equal(reasonsOf(paused('other')), ['other']);
  assert.equal(reasonsOf(paused('ambiguous', ['exception', 'other'])), ['exception', 'other']);
  assert.equal(reasonsOf(paused('ambiguous')), ['other']);
});

test('a step is why the program stands only where nothing else is', () => {
  assert.equal(reasonsOf(paused('step')), ['step']);
  assert.equal(reasonsOf(paused('ambiguous', ['step', 'other'])), ['other']);
});

test.run();
