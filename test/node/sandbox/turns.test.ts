import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Turns } from '#node/sandbox/turns.ts';
import { SandboxError } from '#shared/errors.ts';
import { failure } from '../failure.ts';

test('tasks of one key run one after the other, whatever becomes of them; other keys do not wait', async () => {
  const turns = new Turns<string>();
  const events: string[] = [];
  let end: () => void = () => undefined;
  const first = turns.take('a', async () => {
    events.push('first begins');
    await new Promise<void>((resolve) => {
      end = resolve;
    });
    events.push('first ends');
    throw new SandboxError('CANCELLED', 'no');
  });
  const second = turns.take('a', async () => events.push('second'));
  await turns.take('b', async () => events.push('other'));
  assert.equal(events, ['first begins', 'other']);
  end();
  assert.is((await failure(() => first)).code, 'CANCELLED');
  await second;
  assert.equal(events, ['first begins', 'other', 'first ends', 'second']);
});

test.run();
