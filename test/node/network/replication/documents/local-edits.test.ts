/** When edits become envelopes: when who made them returns, and in a stream of ticks every few milliseconds. */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as Y from 'yjs';
import { LocalEdits } from '#node/network/replication/documents/local-edits.ts';

/** Ticks and timers by hand: each commit is noted with the milliseconds its timer waited, 0 for the end of a tick. */
function setUp() {
  const doc = new Y.Doc();
  const commits: { waitedMs: number; edits: number }[] = [];
  let due: { run: () => void; waitedMs: number } | undefined;
  let clock = 0;
  let waitedMs = 0;
  const plan = (run: () => void, ms: number): void => {
    assert.is(due, undefined, 'one thing is planned at a time');
    due = { run, waitedMs: ms };
  };
  const edits = new LocalEdits({
    clientId: () => doc.clientID,
    soon: (task) => plan(task, 0),
    defer: (task) => plan(task, 0),
    after: (ms, task) => {
      plan(task, ms);
      return () => undefined;
    },
    clock: () => clock,
    commit: async (drafts) => {
      const endClock = drafts.at(-1)?.endClock ?? clock;
      commits.push({ waitedMs, edits: endClock - clock });
      clock = endClock;
    },
    hasReaders: () => true,
    discard: () => undefined,
  });
  edits.watch('debug', doc);
  let serial = 0;
  return {
    commits,
    edits,
    edit: (): void => void edits.edit('debug', doc, () => doc.getMap('m').set(`k${serial++}`, 1)),
    /** Lets what is planned happen. @returns whether anything was */
    pass(): boolean {
      const next = due;
      due = undefined;
      waitedMs = next?.waitedMs ?? 0;
      next?.run();
      return next !== undefined;
    },
  };
}

test('a single edit is committed when who made it returns, and nothing is left planned', () => {
  const { edit, pass, commits } = setUp();
  edit();
  edit();
  pass();
  assert.equal(commits, [{ waitedMs: 0, edits: 2 }]);
  pass();
  assert.is(pass(), false);
});

test('edits in every tick are gathered after the third, for 1 ms and then longer up to 8', () => {
  const { edit, pass, commits } = setUp();
  for (let tick = 0; tick < 9; tick++) {
    edit();
    pass();
  }
  const waited = commits.map(({ waitedMs }) => waitedMs);
  assert.equal(waited, [0, 0, 0, 1, 2, 4, 8, 8, 8]);
});

test('a tick without an edit ends the stream: the next edit does not wait', () => {
  const { edit, pass, commits } = setUp();
  for (let tick = 0; tick < 6; tick++) {
    edit();
    pass();
  }
  while (pass());
  commits.length = 0;
  edit();
  pass();
  assert.equal(commits, [{ waitedMs: 0, edits: 1 }]);
});

test('whoever flushes a stream has all its edits at once', () => {
  const { edit, edits, pass, commits } = setUp();
  for (let tick = 0; tick < 5; tick++) {
    edit();
    pass();
  }
  commits.length = 0;
  edit();
  edit();
  edits.flush();
  assert.is(commits[0]?.edits, 2);
});

test.run();
