/** Bytes over the CLI’s socket that are no frames. */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeFrame, FrameType, MAX_FRAME_BYTES } from '#protocol/frame.ts';
import { header, json, settled, until, withGateway } from './cli-rig.ts';

const bad: readonly [string, Uint8Array][] = [
  ['an HTTP request', new TextEncoder().encode('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
  ['zeros', new Uint8Array(64)],
  ['a wrong magic', header({ magic: 0x534d5349 })],
  ['a later version', header({ version: 2 })],
  ['an unknown type', header({ type: 99 })],
  ['an announced 4 GB', header({ length: 0xffff_ffff })],
  ['one byte too many', header({ length: MAX_FRAME_BYTES + 1 })],
  ['no JSON', encodeFrame(FrameType.call, new TextEncoder().encode('{"id":'))],
  ['no UTF-8', encodeFrame(FrameType.call, new Uint8Array([0xff, 0xfe, 0x7b]))],
  ['an empty call', encodeFrame(FrameType.call, new Uint8Array(0))],
  ['a call that is a list', json([])],
  ['a call without a command', json({ id: 1, args: {} })],
  ['a negative id', json({ id: -1, command: 'a', args: {} })],
  ['arguments that are a list', json({ id: 1, command: 'a', args: [] })],
  ['a sandbox that is none', json({ id: 1, command: 'a', args: {}, sandbox: '../..' })],
  ['a command as long as a book', json({ id: 1, command: 'a'.repeat(81), args: {} })],
  ['an unknown control', json({ command: 'format', params: {} }, FrameType.control)],
];
for (const [what, bytes] of bad) {
  test(`${what}: that client is dropped with a reason, the others notice nothing`, () =>
    withGateway(async ({ client, requests }) => {
      const [one, other] = [await client(), await client()];
      one.socket.write(bytes);
      await one.closed;
      assert.is(one.controls[0]?.command, 'bye');
      assert.equal(requests, []);
      await settled(other);
    }));
}

test('what follows a bad frame in the same bytes is not run', () =>
  withGateway(async ({ client, requests }) => {
    const one = await client();
    const [broken, fine] = [json([]), json({ id: 7, command: 'late', args: {} })];
    one.socket.write(Buffer.concat([broken, fine]));
    one.socket.write(fine);
    await one.closed;
    assert.equal(requests, []);
  }));

test('a prototype key in a call changes no object and reaches no handler', () =>
  withGateway(async ({ client, requests }) => {
    const one = await client();
    const text = '{"id":1,"command":"a","args":{"x":1,"__proto__":{"polluted":true}},"__proto__":{"polluted":true}}';
    one.socket.write(encodeFrame(FrameType.call, new TextEncoder().encode(text)));
    await until('it ran', () => requests.length === 1);
    assert.is(requests[0]?.args['polluted'], undefined);
    assert.not(Object.hasOwn(requests[0]?.args ?? {}, '__proto__'));
    assert.is(({} as Record<string, unknown>)['polluted'], undefined);
  }));

test.run();
