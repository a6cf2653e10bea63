/** Scopes and pages kept for an editor: while the program stands and nothing changed there, and never longer. */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DapSession } from '#node/gateway/dap/dap-session.ts';
import { ReadValues } from '#node/gateway/dap/read-values.ts';
import { SandboxError } from '#shared/errors.ts';
import { failure } from '../../failure.ts';

interface Asked {
  readonly command: string;
  readonly frame?: number;
  readonly handle?: string;
  answer(result: object): void;
  fail(error: Error): void;
}

/** A session whose questions the test answers: by the number of the question, unless `held`. */
function reading() {
  const asked: Asked[] = [];
  const session = {
    target: 'target',
    targetOrNone: 'target',
    stops: { current: { id: 1 } as object | undefined },
    held: false,
    forgotten: 0,
    repeatable: {
      forget: () => {
        session.forgotten += 1;
      },
    },
    run: (command: string, args: object) =>
      new Promise<object>((resolve, reject) => {
        asked.push({ command, ...args, answer: resolve, fail: reject });
        const name = `${asked.length}`;
        if (session.held) return;
        resolve(command === 'inspect.scopes' ? { scopes: [{ name }] } : { variables: [{ name }], total: 1 });
      }),
  };
  const read = new ReadValues(session as unknown as DapSession);
  const scopes = async (frame = 0) => (await read.scopes(frame, {})).scopes[0]?.name;
  const page = async (choice: Parameters<ReadValues['page']>[0]) => (await read.page(choice, {})).variables[0]?.name;
  return { asked, session, read, scopes, page };
}

const PAGE = { handle: '1-a', start: 0, count: 100 };

test('scopes and pages of a stop are asked for once, each page by itself', async () => {
  const { asked, scopes, page } = reading();
  assert.equal([await scopes(), await scopes(), await scopes(1)], ['1', '1', '2']);
  assert.equal([await page(PAGE), await page(PAGE)], ['3', '3']);
  assert.equal([await page({ ...PAGE, start: 100 }), await page({ ...PAGE, handle: '1-b' })], ['4', '5']);
  assert.equal([await page({ ...PAGE, filter: 'indexed' }), await page({ ...PAGE, count: 50 })], ['6', '7']);
  assert.is(asked.length, 7);
});

test('pages of a running program are not kept', async () => {
  const { session, read, page } = reading();
  session.stops.current = undefined;
  assert.equal([await page(PAGE), await page(PAGE)], ['1', '2']);
  // Nor does what was asked for while it ran hold at the stop that comes meanwhile.
  session.held = true;
  const late = page(PAGE);
  read.forget();
  session.stops.current = { id: 2 };
  session.held = false;
  assert.is(await page(PAGE), '4');
  assert.is(await page(PAGE), '4');
  assert.is(await Promise.race([late, 'open']), 'open');
});

test('after a resume, or a change, nothing old is served, whatever was under way', async () => {
  const { asked, session, read, scopes, page } = reading();
  await scopes();
  await page(PAGE);
  session.held = true;
  const under = [scopes(1), page({ ...PAGE, handle: '1-b' })];
  read.forget();
  assert.is(session.forgotten, 1, 'whoever carries the answers forgets as well');
  asked[2]?.answer({ scopes: [{ name: 'old' }] });
  asked[3]?.answer({ variables: [{ name: 'old' }], total: 1 });
  assert.equal(await Promise.all(under), ['old', 'old'], 'asked before, answered as of before');
  session.held = false;
  assert.equal([await scopes(), await scopes(1)], ['5', '6']);
  assert.equal([await page(PAGE), await page({ ...PAGE, handle: '1-b' })], ['7', '8']);
});

test('what is read ahead of an editor that looks at scopes is its answer, but not after a change', async () => {
  const { asked, session, read, scopes } = reading();
  read.readAhead();
  assert.is(asked.length, 0, 'nobody has asked for scopes yet');
  assert.is(await scopes(), '1');
  read.forget();
  session.held = true;
  read.readAhead();
  const waiting = scopes();
  asked[1]?.answer({ scopes: [{ name: 'ahead' }] });
  assert.is(await waiting, 'ahead');
  assert.is(asked.length, 2, 'not asked for twice');
  read.readAhead();
  read.forget();
  session.held = false;
  asked[2]?.answer({ scopes: [{ name: 'old' }] });
  assert.is(await scopes(), '4');
});

test('a client that opens page after page has only so many kept', async () => {
  const { asked, page } = reading();
  const handles = Array.from({ length: 501 }, (_, i) => `1-${i}`);
  for (const handle of handles) await page({ handle });
  assert.equal([await page({ handle: '1-0' }), await page({ handle: '1-499' })], ['1', '500']);
  assert.is(await page({ handle: '1-500' }), '502');
  assert.is(asked.length, 502);
});

test('a handle that the host has lost is not served again with the scopes that it came with', async () => {
  const { asked, session, scopes, page } = reading();
  assert.is(await scopes(), '1');
  session.held = true;
  const lost = failure(() => page(PAGE));
  asked[1]?.fail(new SandboxError('HANDLE_STALE', 'gone'));
  assert.is((await lost).code, 'HANDLE_STALE');
  const late = failure(() => page(PAGE));
  asked[2]?.fail(new SandboxError('TIMEOUT', 'late'));
  assert.is((await late).code, 'TIMEOUT');
  session.held = false;
  assert.is(await scopes(), '4', 'looked at again');
  assert.is(session.forgotten, 1);
});

test.run();
