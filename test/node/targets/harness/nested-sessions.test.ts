import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NestedSessions, type Notification } from '#node/targets/harness/nested-sessions.ts';

const attached = (sessionId: string): Notification => ({
  method: 'NodeWorker.attachedToWorker',
  params: { sessionId },
});
const from = (sessionId: string, message: object): Notification => ({
  method: 'NodeWorker.receivedMessageFromWorker',
  params: { sessionId, message: JSON.stringify(message) },
});

test('the innermost worker is let go first, each through those around it', () => {
  const sessions = new NestedSessions();
  sessions.observe(attached('1'));
  sessions.observe(from('1', attached('7')));
  sessions.observe(from('1', { method: 'Debugger.paused', params: {} }));
  const calls = sessions.farewells().map(({ method, params }) => {
    const { sessionId, message } = params as { sessionId?: string; message?: string };
    return [method, ...(sessionId === undefined ? [params] : [sessionId]), ...(message ? [JSON.parse(message)] : [])];
  });
  const id = 2 ** 31 - 1;
  const send = 'NodeWorker.sendMessageToWorker';
  const wake = { id, method: 'Runtime.runIfWaitingForDebugger' };
  const noMore = { method: 'NodeWorker.enable', params: { waitForDebuggerOnStart: false } };
  assert.equal(calls, [
    [noMore.method, noMore.params],
    [send, '1', { id, ...noMore }],
    // Nothing starts in the innermost, which is told so all the same.
    [send, '1', { id, method: send, params: { sessionId: '7', message: JSON.stringify({ id, ...noMore }) } }],
    [send, '1', { id, method: send, params: { sessionId: '7', message: JSON.stringify(wake) } }],
    [send, '1', { id, method: 'NodeWorker.detach', params: { sessionId: '7' } }],
    [send, '1', wake],
    ['NodeWorker.detach', '1'],
  ]);
});

test('who has ended needs no farewell', () => {
  const sessions = new NestedSessions();
  sessions.observe(attached('1'));
  sessions.observe(attached('2'));
  sessions.observe(from('2', attached('3')));
  sessions.observe(from('2', { method: 'NodeWorker.detachedFromWorker', params: { sessionId: '3' } }));
  sessions.observe({ method: 'NodeWorker.detachedFromWorker', params: { sessionId: '1' } });
  assert.equal(
    sessions.farewells().map(({ params }) => (params as { sessionId?: string }).sessionId),
    [undefined, '2', '2', '2'],
  );
});

test.run();
