/**
 * Code in a context of its own (`vm`), as jest runs each test file: V8 lets no call mix values of two contexts, so each
 * is read by what was installed in it.
 */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '#test/until.ts';
import { withStudio } from '../snapshots/studio.ts';
import { DevtoolsSession, given } from './cdp/devtools-session.ts';
import { withWorkshop } from './workshop.ts';

/** A caller in the program's own context, and what stands in another. */
const APP = `const vm = require('node:vm');
const path = require('node:path');
const room = vm.createContext({ setInterval });
globalThis.room = room;
const code = require('node:fs').readFileSync(path.join(__dirname, 'room.js'), 'utf8');
vm.runInContext(code, room, { filename: path.join(__dirname, 'room.js') });
let outside = 'outside';
const pass = () => { room.look({ outside }); };
setInterval(pass, 5);
`;
const ROOM = `class Cart {
  #total = 7;
  items = new Map([['tea', { price: 3 }]]);
}
function look(given) {
  const cart = new Cart();
  const when = new Date(0);
  cart.last = when;
  return [cart, given];
}
`;
const LINE = 9;

test('scopes, values and results in a context of its own are read like any other', () =>
  withWorkshop(async ({ write, run, call, nextPause, consented }) => {
    write({ 'app.js': APP, 'room.js': ROOM });
    consented.add(2);
    await call(2, 'breakpoint.add', { location: `room.js:${LINE}` });
    const paused = nextPause(2);
    const { id } = await run('app.js');
    const { frames } = await paused;
    assert.equal(
      frames.slice(0, 2).map(({ file, line }) => [file?.path, line]),
      [
        ['room.js', LINE],
        ['app.js', 8],
      ],
    );
    const { scopes } = await call(2, 'inspect.scopes', {});
    const named = (name: string) => scopes[0]?.variables.find((variable) => variable.name === name);
    assert.is(named('when')?.value, '1970-01-01T00:00:00.000Z');
    assert.is(named('given')?.value, '{outside: "outside"}', 'what came from outside as well');
    const cart = await call(2, 'inspect.variables', { handle: named('cart')?.handle ?? '' });
    assert.equal(
      cart.variables.map(({ name, value }) => `${name}: ${value}`),
      [
        'items: Map(1) {"tea" => {price: 3}}',
        'last: 1970-01-01T00:00:00.000Z',
        '[[Prototype]]: Cart {constructor: ƒ Cart()}',
        '#total: 7',
      ],
    );
    const { result } = await call(2, 'inspect.evaluate', { expression: 'given.last = cart, given' });
    const { variables } = await call(2, 'inspect.variables', { handle: result.handle ?? '' });
    assert.equal(
      variables.map(({ name }) => name),
      ['outside', 'last'],
    );
    const after = await call(2, 'inspect.scopes', {});
    assert.match(after.scopes[0]?.variables.find(({ name }) => name === 'given')?.value ?? '', 'last: Cart');

    const outer = await call(2, 'inspect.scopes', { frame: 1 });
    const outside = outer.scopes.flatMap(({ variables }) => variables).find(({ name }) => name === 'outside');
    assert.is(outside?.value, '"outside"');
    await call(2, 'execution.resume', { target: id });
  }));

test('DevTools calls a function on a value of a context of its own, while the program stands and while it runs', () =>
  withWorkshop(async (workshop) => {
    const { write, run, call, nextPause } = workshop;
    write({ 'app.js': APP, 'room.js': ROOM });
    const { id: breakpoint } = await call(1, 'breakpoint.add', { location: `room.js:${LINE}` });
    const paused = nextPause();
    const { id } = await run('app.js');
    await paused;
    const session = await DevtoolsSession.open(workshop, 1, id);
    await session.call('Debugger.enable');
    await session.call('Runtime.enable');
    const { callFrames } = await session.event('Debugger.paused');
    const priceOf = (objectId: string) =>
      session.call('Runtime.callFunctionOn', {
        objectId,
        functionDeclaration: 'function (name) { return this.items.get(name).price; }',
        arguments: [{ value: 'tea' }],
        returnByValue: true,
      });
    const { result } = await session.call('Debugger.evaluateOnCallFrame', {
      callFrameId: given(callFrames[0]).callFrameId,
      expression: 'globalThis.kept = cart',
    });
    assert.is((await priceOf(given(result.objectId))).result.value, 3);
    const { context } = await session.event('Runtime.executionContextCreated', (told) => told.context.id !== 1);
    const inRoom = { contextId: context.id, expression: 'kept' };
    assert.is((await session.call('Runtime.evaluate', inRoom)).result.className, 'Cart');

    await call(1, 'breakpoint.remove', { breakpoint });
    await call(1, 'execution.resume', {});
    const kept = await session.call('Runtime.evaluate', inRoom);
    assert.is((await priceOf(given(kept.result.objectId))).result.value, 3);
  }));

test('a snapshot holds the values of the innermost frame’s context, taken in passing, too', () =>
  withStudio(async ({ write, run, ask, call, nextPause }) => {
    write({ 'app.js': APP, 'room.js': ROOM });
    const cartOf = async (snapshot: string): Promise<string> => {
      const { scopes } = await ask('snapshot.show', { snapshot });
      return scopes[0]?.variables?.find(({ name }) => name === 'cart')?.value ?? '';
    };
    const passing = await call(1, 'breakpoint.add', { location: `room.js:${LINE}`, kind: 'snapshot' });
    const { id } = await run('app.js');
    const listed = await until(async () => {
      const { snapshots } = await ask('snapshot.list', {});
      return snapshots.length >= 3 ? snapshots : undefined;
    }, 'three snapshots');
    for (const each of listed.slice(0, 3)) {
      assert.is(each.why, undefined);
      assert.match(await cartOf(each.id), 'Cart {items: Map(1)');
    }
    await call(1, 'breakpoint.remove', { breakpoint: passing.id });

    const paused = nextPause();
    await call(1, 'breakpoint.add', { location: `room.js:${LINE}` });
    await paused;
    const standing = await ask('snapshot.take', { target: id });
    assert.match(await cartOf(standing.id), 'Cart {items: Map(1)');
  }));

test('logpoints and tracepoints do not reach a context of its own: they say so, and harm nothing there', () =>
  withWorkshop(async ({ write, run, call }) => {
    const counting = ROOM.replace('return [', 'globalThis.calls = (globalThis.calls ?? 0) + 1;\n  return [');
    const caught = APP.replace('pass = () => {', 'pass = () => { try {').replace(
      '}); };',
      '}); } catch { globalThis.failed = true; } };',
    );
    write({ 'app.js': caught, 'room.js': counting });
    await run('app.js');
    const [log, trace] = [
      await call(1, 'breakpoint.add', { location: `room.js:${LINE}`, log: '{when}' }),
      await call(1, 'breakpoint.add', { function: 'look', capture: ['given'] }),
    ];
    const statuses = async () => {
      const { breakpoints } = await call(1, 'breakpoint.list', {});
      return [log, trace].map(({ id }) => breakpoints.find((view) => view.id === id)?.statuses[0]);
    };
    const refused = await until(async () => {
      const found = await statuses();
      return found.every((status) => status?.state === 'refused') ? found : undefined;
    }, 'both to be refused');
    for (const status of refused) assert.match(status?.reason ?? '', /context of its own/);
    const read = async (expression: string) => (await call(1, 'inspect.evaluate', { expression })).result.value;
    await until(async () => Number(await read('room.calls')) > 0, 'calls');
    const before = Number(await read('room.calls'));
    await until(async () => Number(await read('room.calls')) > before + 2, 'more calls');
    assert.is(await read('globalThis.failed'), 'undefined');
  }));

test.run();
