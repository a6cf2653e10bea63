/** macOS and Windows keyrings on recorded output, and what all of them keep out of arguments. */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { darwinKeyring } from '#node/security/keyring/darwin.ts';
import type { Keyring } from '#node/security/keyring/keyring.ts';
import type { RunKeyringTool, ToolResult } from '#node/security/keyring/keyring-tool.ts';
import { runKeyringTool } from '#node/security/keyring/keyring-tool.ts';
import { linuxKeyring } from '#node/security/keyring/linux.ts';
import { win32Keyring } from '#node/security/keyring/win32.ts';
import { failure } from '../../failure.ts';

const SECRET = 'Zm9yIHlvdXIgZXllcyBvbmx5-_0123456789';
const ok = (stdout = ''): ToolResult => ({ code: 0, stdout, stderr: '' });

/** Answers with what was recorded, one call after the other, and keeps what it was asked. */
function recorded(answers: readonly ToolResult[]): { run: RunKeyringTool; calls: string[][]; inputs: string[] } {
  const calls: string[][] = [];
  const inputs: string[] = [];
  const run: RunKeyringTool = async (file, args, input) => {
    calls.push([file, ...args]);
    inputs.push(input);
    return answers[calls.length - 1] ?? { code: null, stdout: '', stderr: 'asked once too often' };
  };
  return { run, calls, inputs };
}

// written after the documented output of `security` of macOS 14
test('the keychain keeps a secret that goes in by standard input and is read back', async () => {
  const { run, calls, inputs } = recorded([
    ok(),
    ok(`${SECRET}\n`),
    ok(`${SECRET}\n`),
    ok('password has been deleted.\n'),
  ]);
  const keyring = darwinKeyring(run);
  const place = await keyring.store('ab12', 'sandmesh: "key"', SECRET);
  assert.is(inputs[0], `add-generic-password -U -a ab12 -s sandmesh -l "sandmesh:  key " -w ${SECRET}\n`);
  assert.is(await keyring.read(place), SECRET);
  await keyring.forget(place);
  assert.equal(calls.at(-1), ['/usr/bin/security', 'delete-generic-password', '-a', 'ab12', '-s', 'sandmesh']);
  assert.not(calls.flat().join(' ').includes(SECRET), 'no argument has it');
});

test('a keychain that is locked, empty, or kept something else is told apart', async () => {
  const place = { kind: 'keychain', entry: 'ab12' } as const;
  const missing = {
    code: 44,
    stdout: '',
    stderr: 'security: SecKeychainSearchCopyNext: The specified item could not be found in the keychain.\n',
  };
  const locked = {
    code: 36,
    stdout: '',
    stderr: 'security: SecKeychainItemCopyContent: User interaction is not allowed.\n',
  };
  const reading = async (answer: ToolResult) => await failure(() => darwinKeyring(recorded([answer]).run).read(place));
  assert.match((await reading(missing)).message, 'no such entry');
  assert.match((await reading(locked)).message, 'User interaction is not allowed');
  await darwinKeyring(recorded([missing]).run).forget(place);
  const other = await failure(() => darwinKeyring(recorded([ok(), ok('other\n')]).run).store('ab12', 'key', SECRET));
  assert.is(other.code, 'KEYRING_UNAVAILABLE');
});

// the blob is cut short; DPAPI's begins with version 1 and its provider's id
test('DPAPI gives back what only this user can decrypt, by a script that never holds the secret', async () => {
  const blob = 'AQAAANCMnd8BFdERjHoAwE/Cl+sBAAAA';
  const { run, calls, inputs } = recorded([ok(`${blob}\r\n`), ok(Buffer.from(SECRET).toString('base64'))]);
  const keyring = win32Keyring(run);
  const place = await keyring.store('ab12', 'key', SECRET);
  assert.equal(place, { kind: 'dpapi', entry: blob });
  assert.is(await keyring.read(place), SECRET);
  assert.equal(inputs, [Buffer.from(SECRET).toString('base64'), blob]);
  const args = calls.flat().join(' ');
  assert.not(args.includes(SECRET) || args.includes(inputs[0] as string), 'no argument has it');
  assert.match(args, "::Unprotect($bytes, $null, 'CurrentUser')");
  const stderr = 'Exception calling "Unprotect" with "3" argument(s): "Key not valid for use in specified state."\r\n';
  const foreign = await failure(() => win32Keyring(recorded([{ code: 1, stdout: '', stderr }]).run).read(place));
  assert.match(foreign.message, 'Key not valid');
});

test('a secret in the keyring of another system is not looked for; a tool that is missing is named', async () => {
  const { run, calls } = recorded([]);
  const keyrings: Keyring[] = [darwinKeyring(run), win32Keyring(run), linuxKeyring(run)];
  for (const keyring of keyrings) {
    const kind = keyring.kind === 'keychain' ? 'dpapi' : 'keychain';
    assert.match((await failure(() => keyring.read({ kind, entry: 'x' }))).message, `another system's (${kind})`);
  }
  assert.is(calls.length, 0);
  const result = await runKeyringTool('no-such-keyring-tool', [], SECRET);
  assert.is(result.code, null);
  const error = await failure(() => linuxKeyring(async () => result).read({ kind: 'secret-service', entry: 'x' }));
  assert.is(error.code, 'KEYRING_UNAVAILABLE');
  assert.match(error.message, 'no-such-keyring-tool');
});

test.run();
