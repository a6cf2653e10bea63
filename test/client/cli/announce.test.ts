/** What `run` says while the program runs, and whose Ctrl-C it was. */

import pc from 'picocolors';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { announcement } from '#client/cli/run/announce.ts';
import { isForeground } from '#client/cli/run/terminal.ts';
import type { TopicMessage } from '#client/sdk/subscription.ts';
import { SANDBOX } from '../fake-daemon.ts';
import { members, request } from '../samples.ts';

type Announced = TopicMessage<'requests' | 'members' | 'notices'>;
const plain = pc.createColors(false);

function say(topic: Announced['topic'], event: object, online = new Map<number, boolean>()): string | undefined {
  return announcement({ topic, event, sandbox: SANDBOX, sequence: 1 } as unknown as Announced, online, plain);
}

test('a joiner is announced with key, stake and the commands that answer', () => {
  assert.is(
    say('requests', { request, outcome: 'pending' }),
    'carol (0011 2233 4455 6677) wants to join as debugger (reads your source under this folder): ' +
      'sandmesh approve carol or sandmesh deny carol',
  );
  assert.is(say('requests', { request, outcome: 'approved' }), undefined);
});

test('a name that is no plain word never ends up in a command to copy', () => {
  for (const name of ['x; reboot', '$(id)', '-rf', 'a b', '`id`', "o'neil"]) {
    const text = say('requests', { request: { ...request, name }, outcome: 'pending' });
    assert.match(text ?? '', 'sandmesh approve f00dcafe or sandmesh deny f00dcafe', name);
  }
});

test('members are announced when they come and go, once, and not oneself', () => {
  const online = new Map<number, boolean>();
  const [self, other] = members;
  assert.is(say('members', { member: self }, online), undefined);
  assert.is(say('members', { member: other }, online), 'bob is here, as debugger');
  assert.is(say('members', { member: other }, online), undefined);
  assert.is(say('members', { member: { ...other, online: false } }, online), 'bob is away');
});

test('only warnings and errors of the daemon are worth a line', () => {
  assert.is(say('notices', { level: 'info', text: 'x' }), undefined);
  assert.is(say('notices', { level: 'warn', text: 'lost \u001b[2J bob' }), 'lost \\x1b[2J bob');
});

test('the foreground is told from /proc/<pid>/stat, whatever the process is called', () => {
  const stat = (name: string, group: number, terminalGroup: number): string =>
    `123 (${name}) S 1 ${group} 100 34816 ${terminalGroup} 4194304 1 2 3`;
  assert.ok(isForeground(stat('node', 77, 77)));
  assert.ok(isForeground(stat('a) S 1 2 (b', 77, 77)));
  assert.not(isForeground(stat('node', 77, 78)));
  assert.not(isForeground(stat('node', 77, -1)));
});

test.run();
