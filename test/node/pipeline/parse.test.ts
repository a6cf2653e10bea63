import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseCommand } from '#node/pipeline/parse.ts';
import { catalogue } from '#protocol/catalogue/catalogue.ts';
import { failure } from '../failure.ts';

test('every command of the catalogue is found under its own name', () => {
  for (const [key, definition] of Object.entries(catalogue)) assert.is(definition.name, key);
});

test('a command of the same group is offered for an unknown one', async () => {
  const error = await failure(() => parseCommand('chat.shout', {}));
  assert.is(error.code, 'UNKNOWN_COMMAND');
  assert.match(error.message, '"chat.shout"');
  assert.match(error.hint ?? '', 'chat.send, chat.list');
});

test('names that every object has are no commands', async () => {
  for (const name of [
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    '',
    '.',
    'member.list ',
    'MEMBER.LIST',
  ]) {
    assert.is((await failure(() => parseCommand(name, {}))).code, 'UNKNOWN_COMMAND', name);
  }
});

const refused: readonly [string, Record<string, unknown>, string][] = [
  ['member.list', { extra: 1 }, 'extra'],
  ['chat.send', {}, 'text'],
  ['chat.send', { text: '' }, 'text'],
  ['chat.send', { text: 'x'.repeat(4001) }, 'text'],
  ['chat.send', { text: 7 }, 'text'],
  ['chat.list', { limit: 0 }, 'limit'],
  ['chat.list', { limit: 1.5 }, 'limit'],
  ['execution.step', { kind: 'sideways' }, 'kind'],
  ['execution.pause', { target: '../../etc' }, 'target'],
  ['execution.pause', { target: '0.00000001' }, 'target'],
  ['lease.release', { to: -1 }, 'to'],
  ['sandbox.share', { role: 'owner' }, 'role'],
  ['request.approve', { request: 'ab', role: 'owner' }, 'role'],
  ['inspect.evaluate', { expression: '1', timeoutMs: 1e9 }, 'timeoutMs'],
  ['member.list', { constructor: 1 }, 'constructor'],
];
for (const [command, args, argument] of refused) {
  test(`${command} refuses ${JSON.stringify(args).slice(0, 50)} and names "${argument}"`, async () => {
    const error = await failure(() => parseCommand(command, args));
    assert.is(error.code, 'BAD_ARGUMENT');
    assert.match(error.message, `"${command}"`);
    assert.match(error.message, argument);
  });
}

test('a prototype key in the arguments is refused and changes no object', async () => {
  const args = JSON.parse('{"text":"hi","__proto__":{"polluted":true}}') as Record<string, unknown>;
  assert.is((await failure(() => parseCommand('chat.send', args))).code, 'BAD_ARGUMENT');
  const nested = JSON.parse('{"file":{"project":"p","path":"a","sha256":"x","__proto__":{"polluted":true}}}');
  await failure(() => parseCommand('presence.set', nested));
  assert.is(({} as Record<string, unknown>)['polluted'], undefined);
});

test('an argument name as long as a frame is quoted in part only', async () => {
  const error = await failure(() => parseCommand('member.list', { ['k'.repeat(1_000_000)]: 1 }));
  assert.is(error.code, 'BAD_ARGUMENT');
  assert.ok(error.message.length < 1_000, `${error.message.length}`);
});

test('what is parsed is a copy: the caller’s object is neither shared nor changed', () => {
  const args = { text: 'hi' };
  const parsed = parseCommand('chat.send', args);
  parsed.args['text'] = 'changed';
  assert.equal(args, { text: 'hi' });
  assert.equal(parseCommand('chat.send', args).args, { text: 'hi' });
});

test.run();
