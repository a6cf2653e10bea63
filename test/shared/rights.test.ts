import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CONSENT_RIGHTS, RIGHTS, ROLE_RIGHTS, ROLES, roleHolds, roleNeedsApproval } from '#shared/rights.ts';

test('each role holds all rights of the roles before it', () => {
  for (let n = 1; n < ROLES.length; n++) {
    const [below, above] = [ROLES[n - 1] ?? 'viewer', ROLES[n] ?? 'viewer'];
    for (const right of ROLE_RIGHTS[below]) assert.ok(roleHolds(above, right), `${above} lacks ${right}`);
  }
});

test('the owner holds every right, and only the owner is admin', () => {
  for (const right of RIGHTS) assert.ok(roleHolds('owner', right));
  assert.equal(
    ROLES.filter((role) => roleHolds(role, 'admin')),
    ['owner'],
  );
});

test('a viewer can only look, and a commenter touches no process', () => {
  assert.equal([...ROLE_RIGHTS.viewer], ['view']);
  assert.equal([...ROLE_RIGHTS.commenter].sort(), ['comment', 'view']);
});

test('a role that may run code or drive a process needs approval', () => {
  for (const role of ROLES) {
    const touches = [...CONSENT_RIGHTS, 'control' as const].some((right) => roleHolds(role, right));
    assert.is(roleNeedsApproval(role), touches, role);
  }
});

test.run();
