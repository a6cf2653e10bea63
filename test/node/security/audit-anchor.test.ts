import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { anchorAudit, anchorIn } from '#node/security/audit/audit-anchor.ts';
import { fakeReplica } from '../sandbox/fake-replica.ts';

const head = (seq: number) => ({ seq, hash: seq.toString(16).padStart(64, '0') });

test('a head is told once, a newer one replaces it, an older one does not', async () => {
  const replica = fakeReplica();
  const written: unknown[] = [];
  const write = replica.writeRegister;
  replica.writeRegister = async (kind, key, value) => {
    written.push(value);
    await write(kind, key, value);
  };
  for (const seq of [0, 3, 3, 7, 5]) await anchorAudit(replica, head(seq));
  assert.equal(written, [head(3), head(7)]);
  assert.equal(anchorIn(replica), { ...head(7), source: `sandbox ${replica.sandbox.slice(0, 8)}` });
});

test('whoever may not write registers tells nothing, and what is no head is none', async () => {
  const viewer = fakeReplica({ members: { 1: { name: 'Vera', role: 'viewer' } } });
  await anchorAudit(viewer, head(1));
  assert.is(anchorIn(viewer), undefined);
  const odd = fakeReplica();
  odd.put('host', 1, 'audit', { seq: -1, hash: 'x' });
  assert.is(anchorIn(odd), undefined);
});

test.run();
