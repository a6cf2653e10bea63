import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PendingRequests, type RequestDetails, type RequestOutcome } from '#node/sandbox/pending-requests.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId } from '#shared/ids.ts';
import type { PendingRequest } from '#shared/model/member.ts';
import type { Right, Role } from '#shared/rights.ts';
import { failure } from '../failure.ts';

const YES = { approved: true, role: undefined } as const;
const NO = { approved: false, role: undefined } as const;

function join(name: string, role: Role = 'debugger'): RequestDetails {
  return { kind: 'join', name, fingerprint: '0123', role, stake: 'reads your source' };
}

function withRequests(
  use: (requests: PendingRequests, seen: [string, RequestOutcome][]) => unknown,
  lifetimeMs?: number,
) {
  return async (): Promise<void> => {
    const requests = new PendingRequests(lifetimeMs === undefined ? {} : { lifetimeMs });
    const seen: [string, RequestOutcome][] = [];
    requests.events.on('request', ({ request, outcome }) => seen.push([request.name, outcome]));
    try {
      await use(requests, seen);
    } finally {
      requests.stop();
    }
  };
}

function raise(requests: PendingRequests, name: string, role?: Role): PendingRequest {
  requests.raise(name, join(name, role));
  return requests.list().find((request) => request.name === name) as PendingRequest;
}

test(
  'a question waits until it is answered, and both answers reach the asker and the listeners',
  withRequests(async (requests, seen) => {
    const ada = requests.ask('ada', join('Ada'));
    const bob = requests.ask('bob', join('Bob'));
    assert.equal(
      requests.list().map(({ name }) => name),
      ['Ada', 'Bob'],
    );
    assert.is(requests.decide('Ada', { approved: true, role: 'viewer' }).name, 'Ada');
    requests.decide('Bob', NO);
    assert.equal(await ada, { approved: true, role: 'viewer' });
    assert.equal(await bob, NO);
    assert.equal(requests.list(), []);
    assert.equal(seen, [
      ['Ada', 'pending'],
      ['Bob', 'pending'],
      ['Ada', 'approved'],
      ['Bob', 'denied'],
    ]);
  }),
);

test(
  'the same question asked again is joined, not put twice',
  withRequests(async (requests, seen) => {
    const asked = [requests.ask('k', join('Ada')), requests.ask('k', join('Ada'))];
    requests.raise('k', join('Ada'));
    assert.is(requests.list().length, 1);
    requests.decide('Ada', YES);
    assert.equal(await Promise.all(asked), [YES, YES]);
    assert.is(seen.length, 2);
  }),
);

test(
  'an answered question can be asked anew',
  withRequests(async (requests) => {
    const first = raise(requests, 'Ada');
    requests.decide('Ada', NO);
    const second = raise(requests, 'Ada');
    assert.is.not(second.id, first.id);
  }),
);

test(
  'an id, any unique beginning of it, and a name find the question',
  withRequests((requests) => {
    for (const pick of [(r: PendingRequest) => r.id, (r: PendingRequest) => r.name]) {
      raise(requests, 'Ada');
      assert.is(requests.decide(pick(raise(requests, 'Ada')), NO).name, 'Ada');
    }
    const ada = raise(requests, 'Ada');
    assert.is(requests.decide(ada.id.slice(0, 2), NO).id, ada.id);
  }),
);

test(
  'a beginning that fits several, a name that two have, and nothing at all find none',
  withRequests(async (requests) => {
    const ids = Array.from({ length: 17 }, (_, n) => raise(requests, `Guest ${n}`).id);
    const shared = ids.map((id) => id[0] as string).find((first, n, all) => all.indexOf(first) !== n) as string;
    for (const which of [shared, '', 'Nobody', 'Guest']) {
      const error = await failure(() => requests.decide(which, YES));
      assert.is(error.code, 'REQUEST_UNKNOWN', which);
      assert.match(error.hint ?? '', ids[0] as string);
    }
    requests.raise('x', join('Guest 1'));
    assert.match((await failure(() => requests.decide('Guest 1', YES))).message, 'fits 2 requests');
    assert.is(requests.list().length, 18);
  }),
);

test(
  'with one question open an empty answer still answers nothing',
  withRequests(async (requests) => {
    raise(requests, 'Ada');
    assert.is((await failure(() => requests.decide('', YES))).code, 'REQUEST_UNKNOWN');
    assert.is(requests.list().length, 1);
  }),
);

test(
  'a name that also begins another’s id is ambiguous: yes never goes to the wrong one',
  withRequests(async (requests) => {
    const stranger = raise(requests, 'Mallory');
    const name = stranger.id.slice(0, 3);
    raise(requests, name);
    assert.match((await failure(() => requests.decide(name, YES))).message, 'fits 2');
    assert.is(requests.decide(stranger.id, NO).name, 'Mallory');
    assert.is(requests.decide(name, YES).name, name);
  }),
);

test(
  'nothing open says so',
  withRequests(async (requests) => {
    assert.match((await failure(() => requests.decide('Ada', YES))).hint ?? '', 'Nothing waits');
  }),
);

test(
  'a joiner may be given less than it asks for, never more, and other questions no role',
  withRequests(async (requests) => {
    raise(requests, 'Ada', 'debugger');
    for (const role of ['editor', 'owner'] as const) {
      assert.is((await failure(() => requests.decide('Ada', { approved: true, role }))).code, 'BAD_ARGUMENT');
    }
    assert.is(requests.list().length, 1);
    assert.is(requests.decide('Ada', { approved: true, role: 'commenter' }).name, 'Ada');
    requests.raise('c', { kind: 'consent', name: 'Bob', fingerprint: '', stake: '' });
    assert.is((await failure(() => requests.decide('Bob', { approved: true, role: 'viewer' }))).code, 'BAD_ARGUMENT');
  }),
);

test(
  'a listener that answers at once is heard by the asker',
  withRequests(async (requests) => {
    requests.events.on('request', ({ request, outcome }) => {
      if (outcome === 'pending') requests.decide(request.id, YES);
    });
    assert.equal(await requests.ask('k', join('Ada')), YES);
  }),
);

test(
  'who stops waiting is rejected with its reason; the question stays for the others',
  withRequests(async (requests) => {
    const controller = new AbortController();
    const reason = new Error('gone');
    const gone = requests.ask('k', join('Ada'), { signal: controller.signal }).catch((error: unknown) => error);
    const stays = requests.ask('k', join('Ada'));
    controller.abort(reason);
    assert.is(await gone, reason);
    requests.decide('Ada', YES);
    assert.equal(await stays, YES);
    const late = await requests.ask('k', join('Ada'), { signal: AbortSignal.abort(reason) }).catch((e: unknown) => e);
    assert.is(late, reason);
  }),
);

test(
  'a question that is moot is withdrawn from all who wait and from the list, and asked anew it is another one',
  withRequests(async (requests, seen) => {
    const [moot, reason] = [new AbortController(), new SandboxError('INVITE_REVOKED', 'The link was withdrawn')];
    const asked = failure(() => requests.ask('k', join('Ada', 'viewer'), { moot: moot.signal }));
    const joined = failure(() => requests.ask('k', join('Ada', 'viewer')));
    moot.abort(reason);
    assert.equal([await asked, await joined], [reason, reason]);
    assert.equal(requests.list(), []);
    assert.is(await failure(() => requests.ask('k', join('Ada'), { moot: moot.signal })), reason);
    assert.is(raise(requests, 'Ada', 'editor').role, 'editor');
    assert.equal(
      seen.map(([, outcome]) => outcome),
      ['pending', 'withdrawn', 'pending'],
    );
  }),
);

test(
  'a member who has lost a right has not asked for it any more; what it may still have stays open',
  withRequests(async (requests) => {
    const ask = (member: number, right: Right): void => {
      const details = { kind: 'consent', name: `m${member}`, fingerprint: '', stake: '' } as const;
      requests.raise(`${member} ${right}`, { ...details, member: member as MemberId, right });
    };
    ask(2, 'evaluate');
    ask(2, 'view');
    ask(3, 'evaluate');
    requests.raise('join', join('Ada'));
    requests.withdrawOf(2 as MemberId, (right) => right === 'view');
    assert.equal(
      requests.list().map(({ name, right }) => `${name} ${right}`),
      ['m2 view', 'm3 evaluate', 'Ada undefined'],
    );
  }),
);

test(
  'a question nobody answers expires: no denial, and it can be asked again',
  withRequests(async (requests, seen) => {
    const ada = requests.ask('k', join('Ada'));
    const expires = requests.list()[0];
    assert.is((expires?.expiresAt ?? 0) - (expires?.at ?? 0), 20);
    // the timer does not keep a process alive, so something else must
    const alive = setTimeout(() => undefined, 10_000);
    assert.is((await failure(() => ada)).code, 'CANCELLED');
    clearTimeout(alive);
    assert.equal(requests.list(), []);
    assert.equal(seen, [
      ['Ada', 'pending'],
      ['Ada', 'expired'],
    ]);
    requests.raise('k', join('Ada'));
    assert.is(requests.list().length, 1);
  }, 20),
);

test(
  'what ran out while this machine slept, timers and all, is neither listed nor said yes to',
  withRequests(async (requests, seen) => {
    const ada = failure(() => requests.ask('k', join('Ada')));
    const expiresAt = requests.list()[0]?.expiresAt ?? 0;
    // No timer fires before this ends, as none does while the machine sleeps.
    while (Date.now() <= expiresAt);
    assert.equal(requests.list(), []);
    assert.is((await failure(() => requests.decide('Ada', YES))).code, 'REQUEST_UNKNOWN');
    assert.is((await ada).code, 'CANCELLED');
    assert.equal(
      seen.map(([, outcome]) => outcome),
      ['pending', 'expired'],
    );
  }, 20),
);

test('stop() ends every wait, tells the listeners, and may come twice', async () => {
  const requests = new PendingRequests();
  const seen: RequestOutcome[] = [];
  requests.events.on('request', ({ outcome }) => seen.push(outcome));
  const asked = [requests.ask('a', join('Ada')), requests.ask('b', join('Bob'))];
  requests.stop();
  requests.stop();
  for (const wait of asked) assert.is((await failure(() => wait)).code, 'CANCELLED');
  assert.equal(seen, ['pending', 'pending', 'expired', 'expired']);
});

test(
  'joiners fill no more than their part, a member no more than its own, all together no more than 64',
  withRequests(async (requests) => {
    const of = (member: number, n: number) => ({
      ...join(`Member ${member}`),
      member: member as MemberId,
      stake: `${n}`,
    });
    for (let n = 0; n < 32; n++) raise(requests, `Guest ${n}`);
    assert.is(requests.raise('one more', join('More')), false);
    assert.is(requests.raise('Guest 7', join('Guest 7')), true, 'a question that is open is the same question');
    const refused = await failure(() => requests.ask('one more', join('More')));
    assert.is(refused.code, 'LIMIT_EXCEEDED');
    assert.match(refused.message, '32 joiners');
    for (let n = 0; n < 8; n++) assert.ok(requests.raise(`2 ${n}`, of(2, n)), `member 2, question ${n}`);
    assert.is(requests.raise('2 8', of(2, 8)), false);
    assert.match((await failure(() => requests.ask('2 8', of(2, 8)))).message, '8 requests of yours');
    for (let n = 0; n < 24; n++) assert.ok(requests.raise(`m ${n}`, of(3 + Math.floor(n / 8), n)), `others, ${n}`);
    assert.is(requests.list().length, 64);
    assert.is(requests.raise('9 0', of(9, 0)), false);
    requests.decide('Guest 7', NO);
    assert.ok(requests.raise('9 0', of(9, 0)), 'one answer makes room');
  }),
);

test.run();
