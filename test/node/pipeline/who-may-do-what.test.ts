/** Every command of the catalogue, asked by every role. */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type CommandName, catalogue, commandDefinition } from '#protocol/catalogue/catalogue.ts';
import { ROLE_RIGHTS, ROLES, type Role } from '#shared/rights.ts';
import { failure } from '../failure.ts';
import { fakeSandbox, fakeTarget, targetId } from '../sandbox/fake-sandbox.ts';
import { ARGS, allowAll, MEMBER_OF, MEMBERS, peer, rig } from './rig.ts';

/** Written down here once more, so that a role that grows or a command that changes its right shows. */
const NEEDS: Readonly<Record<string, readonly Role[] | 'local user' | 'own daemon'>> = {
  'daemon.status': 'local user',
  'daemon.stop': 'local user',
  'config.get': 'local user',
  'config.set': 'local user',
  'config.list': 'local user',
  'sandbox.open': 'local user',
  'sandbox.list': 'local user',
  'sandbox.share': 'local user',
  'sandbox.join': 'local user',
  'sandbox.leave': 'local user',
  'invite.create': 'local user',
  'invite.list': 'local user',
  'invite.revoke': 'local user',
  'member.revoke': 'local user',
  'member.role': 'local user',
  'member.delegate': 'local user',
  'member.key': ['owner'],
  'session.list': 'local user',
  'sandbox.recover': 'local user',
  'key.protect': 'local user',
  'key.unlock': 'local user',
  'member.list': ROLES,
  'request.list': 'local user',
  'request.approve': 'local user',
  'request.deny': 'local user',
  'presence.set': 'own daemon',
  'chat.send': 'own daemon',
  'chat.list': ROLES,
  'lease.take': ['debugger', 'editor', 'owner'],
  'lease.release': ['debugger', 'editor', 'owner'],
  'target.launch': 'local user',
  'target.finish': 'local user',
  'target.attach': 'local user',
  'target.candidates': 'local user',
  'target.list': ROLES,
  'target.detach': 'local user',
  'output.read': ROLES,
  'hits.read': ROLES,
  'breakpoint.add': 'own daemon',
  'breakpoint.remove': 'own daemon',
  'breakpoint.undo': 'own daemon',
  'debug.open': 'own daemon',
  'debug.list': 'local user',
  'debug.get': 'local user',
  'debug.close': 'local user',
  'pause.list': ROLES,
  'snapshot.take': ['debugger', 'editor', 'owner'],
  'snapshot.list': ROLES,
  'snapshot.show': ROLES,
  'snapshot.variables': ROLES,
  'snapshot.remove': 'local user',
  'sandbox.get': ROLES,
  'sandbox.update': 'local user',
  'token.access': 'local user',
  'token.code': 'local user',
  'token.create': 'local user',
  'token.list': 'local user',
  'token.revoke': 'local user',
  'audit.list': 'local user',
  'audit.verify': 'local user',
  'policy.show': 'local user',
  'policy.set': 'local user',
  'policy.level': 'local user',
  'storage.verify': 'local user',
  'storage.checkpoint': 'local user',
  'storage.export': 'local user',
  'storage.import': 'local user',
  'breakpoint.enable': 'own daemon',
  'breakpoint.list': ROLES,
  'execution.pause': ['debugger', 'editor', 'owner'],
  'execution.resume': ['debugger', 'editor', 'owner'],
  'execution.step': ['debugger', 'editor', 'owner'],
  'inspect.stack': ROLES,
  'inspect.scopes': ROLES,
  'inspect.variables': ROLES,
  'inspect.evaluate': ['debugger', 'editor', 'owner'],
  'inspect.set': ['editor', 'owner'],
  'source.list': ROLES,
  'source.get': ROLES,
  'cdp.listen': 'local user',
  'cdp.open': ROLES,
  'cdp.close': ROLES,
  'cdp.look': ROLES,
  'cdp.locate': ROLES,
  'cdp.evaluate': ['debugger', 'editor', 'owner'],
  'cdp.set': ['editor', 'owner'],
  // Its handler refuses other members: what it gives is for pages of this daemon.
  'document.open': ROLES,
  'draft.open': 'own daemon',
  'draft.list': ROLES,
  'draft.show': ROLES,
  'draft.edit': 'own daemon',
  'draft.discard': 'own daemon',
  'target.launched': 'local user',
  'target.terminate': 'local user',
  'inspect.lookup': ROLES,
  'inspect.completions': ROLES,
  'inspect.copy': ROLES,
  'inspect.exception': ROLES,
  'inspect.calls': ROLES,
  'execution.restart': ['debugger', 'editor', 'owner'],
  'source.breakable': ROLES,
};

test('the table of who may do what names every command of the catalogue', () => {
  assert.equal(Object.keys(NEEDS).sort(), Object.keys(catalogue).sort());
});

for (const name of Object.keys(catalogue) as CommandName[]) {
  const needs = NEEDS[name] ?? [];
  test(`${name} asked by a peer: ${typeof needs === 'string' ? `refused, ${needs} only` : needs.join(', ')}`, async () => {
    for (const role of ROLES) {
      const { ask, executed, sandbox, outcomes, peerCalls } = rig();
      allowAll(sandbox);
      const asked = ask(name, ARGS[name], { origin: peer(MEMBER_OF[role]), session: 'peer-1' });
      if (Array.isArray(needs) && needs.includes(role)) {
        assert.equal(await asked, { done: true }, role);
        assert.is(executed.length, 1);
        assert.equal(executed[0]?.context['caller'], { member: MEMBER_OF[role], local: false, session: 'peer-1' });
      } else {
        assert.is((await failure(() => asked)).code, 'FORBIDDEN', role);
        assert.equal(executed, [], role);
        assert.is(outcomes.length, 1, role);
        assert.is(outcomes[0]?.outcome, 'FORBIDDEN');
      }
      assert.equal(peerCalls, []);
    }
  });
}

test('a local user’s own role bounds every command that needs a right, and no local one', async () => {
  for (const role of ROLES) {
    for (const name of Object.keys(catalogue) as CommandName[]) {
      const definition = commandDefinition(name);
      const self = MEMBER_OF[role];
      const sandbox = fakeSandbox({ members: MEMBERS, self, targets: [fakeTarget(targetId(self))] });
      const { ask, executed } = rig({ sandbox });
      const may = definition.right === 'local' || ROLE_RIGHTS[role].has(definition.right);
      const args = 'target' in (ARGS[name] ?? {}) ? { ...ARGS[name], target: targetId(self) } : ARGS[name];
      if (may) await ask(name, args);
      else assert.is((await failure(() => ask(name, args))).code, 'FORBIDDEN', `${role} ${name}`);
      assert.is(executed.length, may ? 1 : 0, `${role} ${name}`);
    }
  }
});

test('a stranger and a removed member may do nothing, not even look', async () => {
  for (const member of [7, 99]) {
    const { ask, executed, outcomes } = rig();
    const error = await failure(() => ask('member.list', {}, { origin: peer(member) }));
    assert.is(error.code, 'MEMBER_UNKNOWN');
    assert.equal(executed, []);
    assert.is(outcomes[0]?.outcome, 'MEMBER_UNKNOWN');
  }
});

test('who was removed reads what lies here and drives its own programs, writes nothing and asks nobody else', async () => {
  const [own, other] = [targetId(7), targetId(1)];
  const sandbox = fakeSandbox({ members: MEMBERS, self: 7, targets: [fakeTarget(own), fakeTarget(other)] });
  const { ask, executed, peerCalls } = rig({ sandbox });
  const may = ['member.list', 'chat.list', 'breakpoint.list', 'inspect.stack', 'execution.resume'];
  for (const name of may) await ask(name, { ...ARGS[name as CommandName], ...at(name, own) });
  assert.equal(
    executed.map(({ name }) => name),
    may,
  );
  for (const name of ['chat.send', 'breakpoint.add', 'inspect.stack', 'execution.resume']) {
    const error = await failure(() => ask(name, { ...ARGS[name as CommandName], ...at(name, other) }));
    assert.is(error.code, 'MEMBER_UNKNOWN', name);
    assert.match(error.message, 'you were removed');
    assert.match(error.hint ?? '', 'sandmesh leave');
  }
  assert.is(executed.length, may.length);
  assert.equal(peerCalls, []);
});

function at(name: string, target: string): Record<string, unknown> {
  return commandDefinition(name as CommandName).at === 'host' ? { target } : {};
}

test.run();
