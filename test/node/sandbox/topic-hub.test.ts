import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TopicHub } from '#node/sandbox/topic-hub.ts';
import type { Broadcast } from '#protocol/topics.ts';
import type { SandboxId } from '#shared/ids.ts';

const A = 'aa'.repeat(20) as SandboxId;
const B = 'bb'.repeat(20) as SandboxId;

function notice(hub: TopicHub, sandbox: SandboxId, text: string): void {
  hub.publish(sandbox, 'notices', { level: 'info', text });
}

function listen(hub: TopicHub, sandbox: SandboxId | undefined) {
  const got: Broadcast[] = [];
  const subscription = hub.subscribe(sandbox, ['notices'], (broadcast) => got.push(broadcast));
  return { got, subscription, texts: () => got.map(({ event }) => (event as { text: string }).text) };
}

test('events reach whoever listens to their topic in their sandbox, and nobody else', () => {
  const hub = new TopicHub();
  const [inA, everywhere] = [listen(hub, A), listen(hub, undefined)];
  notice(hub, A, 'a');
  notice(hub, B, 'b');
  hub.publish(A, 'presence', { presence: { member: 1 as never } });
  assert.equal([inA.texts(), everywhere.texts()], [['a'], ['a', 'b']]);
});

test('sequences grow by one per topic and sandbox, so that a gap means a miss', () => {
  const hub = new TopicHub();
  const everywhere = listen(hub, undefined);
  notice(hub, A, '1');
  hub.publish(A, 'presence', { presence: { member: 1 as never } });
  notice(hub, B, '1');
  notice(hub, A, '2');
  assert.equal(
    everywhere.got.map(({ metadata }) => [metadata.sandbox, metadata.sequence]),
    [
      [A, 1],
      [B, 1],
      [A, 2],
    ],
  );
});

test('topics can be replaced, and a closed subscription hears nothing, even within one event', () => {
  const hub = new TopicHub();
  const [one, two] = [listen(hub, A), listen(hub, A)];
  one.subscription.setTopics(['chat']);
  assert.equal(one.subscription.topics(), ['chat']);
  notice(hub, A, 'x');
  two.subscription.close();
  two.subscription.close();
  notice(hub, A, 'y');
  assert.equal([one.texts(), two.texts()], [[], ['x']]);
});

test('wanted() says whether building an event is worth it', () => {
  const hub = new TopicHub();
  assert.not(hub.wanted(A, 'notices'));
  const { subscription } = listen(hub, A);
  assert.equal([hub.wanted(A, 'notices'), hub.wanted(A, 'chat'), hub.wanted(B, 'notices')], [true, false, false]);
  subscription.close();
  assert.not(hub.wanted(A, 'notices'));
});

test.run();
