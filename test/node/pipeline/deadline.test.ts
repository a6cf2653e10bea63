import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withDeadline } from '#node/pipeline/deadline.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const late = (): Error => new Error('late');
const never = (): Promise<never> => new Promise(() => undefined);

function end(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    (value) => value,
    (error: unknown) => error,
  );
}

test('work that ends in time gives its result or its own error', async () => {
  const deadline = { timeoutMs: 1_000, signal: new AbortController().signal, expired: late };
  assert.is(await withDeadline(deadline, async () => 7), 7);
  const error = new Error('own');
  assert.is(await end(withDeadline(deadline, () => Promise.reject(error))), error);
});

test('work that never ends and heeds nothing is left behind', async () => {
  const deadline = { timeoutMs: 5, signal: new AbortController().signal, expired: late };
  assert.is(((await end(withDeadline(deadline, never))) as Error).message, 'late');
});

test('the limit holds through garbage collections', async () => {
  const limits = Array.from({ length: 20 }, () =>
    end(withDeadline({ timeoutMs: 40, signal: new AbortController().signal, expired: late }, never)),
  );
  const collector = setInterval(collectGarbage, 5);
  const ended = await Promise.all(limits);
  clearInterval(collector);
  assert.ok(ended.every((error) => (error as Error).message === 'late'));
});

test('the work’s signal aborts with the reason, and that reason wins over what the work makes of it', async () => {
  let seen: unknown;
  const work = ({ signal }: { readonly signal: AbortSignal }): Promise<never> =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        seen = signal.reason;
        reject(new Error('aborted somehow'));
      });
    });
  const deadline = { timeoutMs: 5, signal: new AbortController().signal, expired: late };
  const error = await end(withDeadline(deadline, work));
  assert.is((error as Error).message, 'late');
  assert.is(seen, error);
});

test('the caller’s own giving up ends it, before or during the work', async () => {
  const reason = new Error('gone');
  let ran = false;
  const before = withDeadline({ timeoutMs: 1_000, signal: AbortSignal.abort(reason), expired: late }, async () => {
    ran = true;
  });
  assert.is(await end(before), reason);
  assert.not(ran);
  const controller = new AbortController();
  const during = end(withDeadline({ timeoutMs: 60_000, signal: controller.signal, expired: late }, never));
  controller.abort(reason);
  assert.is(await during, reason);
});

test.run();
