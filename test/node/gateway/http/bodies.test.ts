import { gzipSync } from 'node:zlib';
import * as cbor from 'cborg';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { HERE, withApi } from './rig.ts';

const api = (use: Parameters<typeof withApi>[0]) => () => withApi(use);

test(
  'bodies may be CBOR',
  api(async ({ ask, requests }) => {
    const headers = { 'content-type': 'application/cbor' };
    await ask('POST', '/api/v1/sandboxes', { body: cbor.encode({ folder: '/x' }), headers });
    assert.equal(requests[0]?.args, { folder: '/x' });
    assert.is(
      (await ask('POST', '/api/v1/sandboxes', { body: new Uint8Array([0xff]), headers })).body.code,
      'BAD_CBOR',
    );
  }),
);

test(
  'a body that cannot be taken as it was meant is refused with the reason',
  api(async ({ ask, requests }) => {
    const cut = '{"folder":';
    const latin1 = Buffer.from('{"folder":"/b\xfccher"}', 'latin1');
    for (const [type, body, reason] of [
      ['application/json', cut, /not JSON \(Unexpected end/],
      ['application/json', latin1, /not UTF-8/],
      ['application/json', '{"__proto__":{"a":1}}', /names "__proto__"/],
      ['application/cbor', new Uint8Array([0xa1, 0x61, 0x61, 0xf7]), /what JSON cannot \(.*undefined/],
      ['application/cbor', new Uint8Array([0xa1, 0x61, 0x61, 0xc0, 0x61, 0x78]), /what JSON cannot \(.*tag/],
    ] as const) {
      const answer = await ask('POST', '/api/v1/sandboxes', { body, headers: { 'content-type': type } });
      assert.is(answer.status, 400);
      assert.match(String(answer.body.detail), reason);
    }
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    const { status, body } = await ask('POST', '/api/v1/sandboxes', { body: gzipSync('{}'), headers });
    assert.is(status, 415);
    assert.match(String(body.hint), /without Content-Encoding/);
    assert.is(requests.length, 0);
    const plain = { 'content-type': 'application/json', 'content-encoding': 'identity' };
    await ask('POST', '/api/v1/sandboxes', { body: '{"folder":"/bücher"}', headers: plain });
    assert.equal(requests[0]?.args, { folder: '/bücher' });
  }),
);

test(
  'a type without a body is a request without one',
  api(async ({ ask, requests }) => {
    for (const type of ['application/json', 'application/cbor']) {
      const headers = { 'content-type': type };
      assert.is((await ask('DELETE', '/api/v1/tokens/abc', { headers })).status, 200);
      assert.is((await ask('POST', `/api/v1/sandboxes/${HERE}/targets/1.0123abcd/pause`, { headers })).status, 200);
      assert.is((await ask('POST', '/api/v1/commands/sandbox.list', { headers })).status, 200);
    }
    assert.is(requests.length, 6);
  }),
);

test.run();
