import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DapSession } from '#node/gateway/dap/dap-session.ts';
import { Stops } from '#node/gateway/dap/stops.ts';
import { SandboxError } from '#shared/errors.ts';
import type { Pause } from '#shared/model/pause.ts';
import { failure } from '../../failure.ts';

const pause = (id: number): Pause => ({ id, at: id, reason: 'step', hitBreakpoints: [], frames: [] }) as never;

/** What a session's stops say to its client and to the other members. */
function opened() {
  const told: string[] = [];
  const session = {
    forgetShown: () => undefined,
    looked: { frame: () => told.push('looks nowhere') },
    read: { readAhead: () => undefined },
    repeatable: { tellAhead: async () => undefined },
    breakpoints: { ownersOf: () => [], numberOf: () => undefined },
    members: { self: 1, nameOf: () => '' },
    wire: { event: (name: string) => told.push(name) },
  };
  return { stops: new Stops(session as unknown as DapSession), told };
}

const written = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a stop that a request ended is over with its answer, though the news of it comes later', async () => {
  const { stops, told } = opened();
  stops.take(pause(1));
  await written();
  await stops.move(async () => undefined);
  assert.is((await failure(() => stops.mustBeCurrent)).code, 'NOT_PAUSED');
  // Somebody says something of the stop that was, before its host says that it runs.
  stops.take(pause(1));
  stops.take(null);
  await written();
  assert.equal(told, ['stopped', 'looks nowhere']);
  stops.take(pause(2));
  await written();
  assert.is(stops.current?.id, 2);
  assert.is(told.at(-1), 'stopped');
});

test('a stop that a request led to stays, and one that a refused request was about does too', async () => {
  const { stops } = opened();
  stops.take(pause(1));
  await stops.move(async () => stops.take(pause(2)));
  assert.is(stops.current?.id, 2);
  await failure(() => stops.move(async () => Promise.reject(new SandboxError('LEASE_HELD', 'no'))));
  assert.is(stops.current?.id, 2);
});

test.run();
