import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isChatKey, listChat, parseChatLine, sendChat } from '#node/sandbox/chat.ts';
import type { MemberId } from '#shared/ids.ts';
import { fakeReplica } from './fake-replica.ts';

const MEMBERS = { 1: { name: 'Olga', role: 'owner' }, 2: { name: 'Ada', role: 'viewer' } } as const;
const keys = (replica: ReturnType<typeof fakeReplica>): string[] => [
  ...replica.registers('notes', 1 as MemberId).keys(),
];

test('lines are numbered on from what is there, and come back oldest first', async () => {
  const replica = fakeReplica({ members: MEMBERS });
  replica.put('notes', 1, 'chat/7.a', { member: 1, text: 'before', at: 1 });
  replica.put('notes', 2, 'chat/0.a', { member: 2, text: 'hers', at: 2 });
  const line = await sendChat(replica, 'now');
  assert.equal([line.member, line.text], [1, 'now']);
  assert.equal(keys(replica), ['chat/7.a', 'chat/8.1']);
  assert.equal(
    listChat(replica).map(({ text }) => text),
    ['before', 'hers', 'now'],
  );
  assert.equal(
    listChat(replica, 1).map(({ text }) => text),
    ['now'],
  );
});

test('an answer stands after what it answers, whatever the clocks say, and keeps its own time', async () => {
  const replica = fakeReplica({ members: MEMBERS });
  const ahead = Date.now() + 3600_000;
  replica.put('notes', 2, 'chat/0.a', { member: 2, text: 'an hour ahead', at: ahead });
  const answer = await sendChat(replica, 'the answer');
  assert.ok(answer.at < ahead);
  replica.put('notes', 2, 'chat/1.a', { member: 2, text: 'her own next', at: ahead + 5, place: ahead + 5 });
  assert.equal(
    listChat(replica).map(({ text }) => text),
    ['an hour ahead', 'the answer', 'her own next'],
  );
  assert.equal(listChat(replica)[1], answer);
});

test('a clock set back leaves a member’s own lines in their order', async () => {
  const replica = fakeReplica({ members: MEMBERS });
  const tomorrow = Date.now() + 3 * 86_400_000;
  replica.put('notes', 1, 'chat/0.a', { member: 1, text: 'before', at: tomorrow });
  await Promise.all([sendChat(replica, 'after'), sendChat(replica, 'and after')]);
  assert.equal(
    listChat(replica).map(({ text }) => text),
    ['before', 'after', 'and after'],
  );
});

test('a clock that is days ahead takes nobody’s lines along', async () => {
  const replica = fakeReplica({ members: MEMBERS });
  replica.put('notes', 2, 'chat/0.a', { member: 2, text: 'far away', at: 1, place: Number.MAX_SAFE_INTEGER });
  for (const text of ['one', 'two']) await sendChat(replica, text);
  assert.equal(
    listChat(replica).map(({ text }) => text),
    ['one', 'two', 'far away'],
  );
});

test('lines sent at the same time all arrive', async () => {
  const replica = fakeReplica({ members: MEMBERS });
  await Promise.all(['a', 'b', 'c', 'd'].map((text) => sendChat(replica, text)));
  assert.equal(
    listChat(replica)
      .map(({ text }) => text)
      .sort(),
    ['a', 'b', 'c', 'd'],
  );
});

test('five hundred lines are kept, the oldest goes', async () => {
  const replica = fakeReplica({ members: MEMBERS });
  for (let n = 0; n < 500; n++) replica.put('notes', 1, `chat/${n}.a`, { member: 1, text: `${n}`, at: n });
  await sendChat(replica, 'new');
  assert.is(keys(replica).length, 500);
  assert.not(keys(replica).includes('chat/0.a'));
  assert.is(listChat(replica, 1000).at(-1)?.text, 'new');
});

test('two lines that a member wrote under one number, in two lives of its home, both stay', () => {
  const replica = fakeReplica({ members: MEMBERS });
  replica.put('notes', 2, 'chat/3.a', { member: 2, text: 'since the copy', at: 1 });
  replica.put('notes', 2, 'chat/3.b', { member: 2, text: 'from the old copy', at: 2 });
  assert.equal(
    listChat(replica).map(({ text }) => text),
    ['since the copy', 'from the old copy'],
  );
});

test('nobody writes in another’s name, and what is no line is left out', () => {
  const replica = fakeReplica({ members: MEMBERS });
  const hostile: [string, unknown][] = [
    ['chat/0.a', { member: 1, text: 'I am Olga', at: 1 }],
    ['chat/1.a', { member: 2, text: '', at: 1 }],
    ['chat/2.a', { member: 2, text: 'x'.repeat(4001), at: 1 }],
    ['chat/3.a', { member: 2, text: 'no time' }],
    ['chat/4.a', null],
    ['chat/x', { member: 2, text: 'no number', at: 1 }],
    ['mark/1', { member: 2, text: 'no chat', at: 1 }],
    ['chat/5.a', { member: 2, text: 'fine', at: 1 }],
  ];
  for (const [key, value] of hostile) replica.put('notes', 2, key, value);
  assert.equal(
    listChat(replica).map(({ text }) => text),
    ['fine'],
  );
  assert.is(parseChatLine(2, { member: 1, text: 'x', at: 1 }), undefined);
  for (const key of ['chat/', 'chat/1', 'chat/-1.a', 'chat/1.A', 'chat/1/2', 'xchat/1.a', `chat/${'9'.repeat(30)}.a`]) {
    assert.not(isChatKey(key), key);
  }
});

test.run();
