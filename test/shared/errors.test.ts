import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ERROR_CODES, SandboxError } from '#shared/errors.ts';

test('an error crosses as data and comes back the same', () => {
  const error = new SandboxError('LEASE_HELD', 'Cannot step: "Ada" drives', { hint: 'Ask her.' });
  const back = SandboxError.fromData(JSON.parse(JSON.stringify(error.toData())));
  assert.equal(back.toData(), error.toData());
  assert.instance(back, SandboxError);
});

test('the cause stays at home', () => {
  const error = new SandboxError('INTERNAL', 'Cannot do it', { cause: new Error('/secret/path') });
  assert.equal(JSON.stringify(error.toData()), '{"code":"INTERNAL","message":"Cannot do it"}');
  assert.instance(error.cause, Error);
});

test('an unknown or inherited code from elsewhere reads as INTERNAL', () => {
  for (const code of ['BRAND_NEW', '', 'toString', '__proto__', 'constructor']) {
    assert.is(SandboxError.fromData({ code, message: 'm' }).code, 'INTERNAL');
  }
});

test('anything thrown becomes a SandboxError', () => {
  const known = new SandboxError('FORBIDDEN', 'No');
  assert.is(SandboxError.from(known), known);
  assert.is(SandboxError.from(new TypeError('x is not a function')).code, 'INTERNAL');
  assert.is(SandboxError.from('a string').message, 'a string');
  assert.is(SandboxError.from(undefined).code, 'INTERNAL');
  assert.is(SandboxError.from(AbortSignal.abort().reason).code, 'CANCELLED');
  assert.is(SandboxError.from(new DOMException('late', 'TimeoutError')).code, 'TIMEOUT');
});

test('every code maps to an HTTP error status', () => {
  for (const [code, { status }] of Object.entries(ERROR_CODES)) assert.ok(status >= 400 && status < 600, code);
});

test.run();
