import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RegisterWriter } from '#node/engine/debug/published/register-writer.ts';
import type { Replica } from '#node/network/replication/replica-interface.ts';
import { FakeTimers } from '../../../fake-timers.ts';

function withWriter(peers: () => number): { writer: RegisterWriter; written: [string, unknown][]; timers: FakeTimers } {
  const written: [string, unknown][] = [];
  const timers = new FakeTimers();
  const replica: Pick<Replica, 'connected' | 'writeRegister'> = {
    connected: () => Array.from({ length: peers() }, (_, index) => (index + 2) as never),
    writeRegister: async (_kind, key, value) => void written.push([key, value]),
  };
  const writer = new RegisterWriter(replica as Replica, timers, (error) => {
    throw error;
  });
  return { writer, written, timers };
}

test('with a peer there, a register is written at once', () => {
  const { writer, written } = withWriter(() => 1);
  writer.write('pause/1', { id: 1 });
  assert.equal(written, [['pause/1', { id: 1 }]]);
});

test('alone, what follows within a moment is written once, as it was last', () => {
  const { writer, written, timers } = withWriter(() => 0);
  writer.write('pause/1', { id: 1 });
  writer.write('target/1', 'paused');
  writer.write('pause/1', null);
  assert.equal(written, []);
  timers.pass(50);
  assert.equal(written, [
    ['pause/1', null],
    ['target/1', 'paused'],
  ]);
  timers.pass(100);
  assert.is(written.length, 2);
});

test('what waits goes out before what a peer that came meanwhile is told', () => {
  let peers = 0;
  const { writer, written, timers } = withWriter(() => peers);
  writer.write('target/1', 'paused');
  peers = 1;
  writer.write('target/2', 'paused');
  assert.equal(
    written.map(([key]) => key),
    ['target/1', 'target/2'],
  );
  timers.pass(100);
  assert.is(written.length, 2);
});

test.run();
