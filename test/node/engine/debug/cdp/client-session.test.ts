// test: limit 120 s
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CDP_NO_OPS } from '#protocol/catalogue/cdp-methods.ts';
import { failure } from '../../../failure.ts';
import { type Workshop, withWorkshop } from '../workshop.ts';
import { DevtoolsSession, given } from './devtools-session.ts';

const [HOST, VIEWER, DEBUGGER, EDITOR] = [1, 2, 3, 4] as const;
const ROLES = { roles: ['owner', 'viewer', 'debugger', 'editor'] as const };

const SHOP = `let traps = 0;
class Cart {
  #total = 7; #pin = 'hunter2hunter2';
  items = ['tea', 'cup']; logins = new Map([['password', 'hunter2hunter2']]);
  password = 'hunter2hunter2';
  get lazy() { traps += 1; return 1; }
}
function look(n) {
  const cart = new Cart();
  const text = 'plain';
  debugger;
  return [cart, text, n, traps];
}
setInterval(() => look(1), 5);
`;

async function stopped(workshop: Workshop) {
  workshop.write({ 'shop.js': SHOP });
  workshop.consented.add(DEBUGGER).add(EDITOR);
  const first = workshop.nextPause();
  const { id } = await workshop.run('shop.js');
  await first;
  return id;
}

/** Properties of the local scope of the innermost frame. */
async function locals(session: DevtoolsSession) {
  const { callFrames } = await session.event('Debugger.paused');
  const top = given(callFrames[0]);
  const { objectId } = given(top.scopeChain[0]).object;
  const { result } = await session.call('Runtime.getProperties', {
    objectId,
    ownProperties: true,
    generatePreview: true,
  });
  const named = (name: string) => given(given(result.find((property) => property.name === name)).value);
  return { top, named };
}

test('whoever attaches late is told the contexts, the scripts and the pause, under ids of its own', () =>
  withWorkshop(async (workshop) => {
    const target = await stopped(workshop);
    const [one, two] = [
      await DevtoolsSession.open(workshop, HOST, target),
      await DevtoolsSession.open(workshop, DEBUGGER, target),
    ];
    await one.call('Runtime.enable');
    await one.call('Debugger.enable');
    const told = one.seen.map(({ method }) => method);
    assert.is(told[0], 'Runtime.executionContextCreated');
    assert.is(told.at(-1), 'Debugger.paused');
    const { context } = await one.event('Runtime.executionContextCreated');
    assert.is(context.id, 1);
    const paused = await one.event('Debugger.paused');
    const top = given(paused.callFrames[0]);
    assert.is(top.functionName, 'look');
    assert.is(top.location.scriptId, one.scriptOf('shop.js'));
    assert.match(
      (await one.call('Debugger.getScriptSource', { scriptId: one.scriptOf('shop.js') })).scriptSource,
      /class Cart/,
    );

    await two.call('Debugger.enable');
    const other = given((await two.event('Debugger.paused')).callFrames[0]);
    const { objectId } = given(other.scopeChain[0]).object;
    // The same things have other names, and those of another client mean nothing.
    assert.is.not(objectId, undefined);
    assert.match((await failure(() => one.call('Runtime.getProperties', { objectId: 'o9999' }))).message, 'given id');
    const v8 = workshop.engine(HOST).hosted(target).session.pausedAt?.callFrames[0];
    const ids = JSON.stringify(two.seen);
    assert.not.ok(ids.includes(JSON.stringify(v8?.callFrameId)));
    assert.not.ok(ids.includes(JSON.stringify(v8?.scopeChain[0]?.object.objectId)));
    assert.match(
      (await failure(() => two.call('Debugger.evaluateOnCallFrame', { callFrameId: v8?.callFrameId, expression: '1' })))
        .message,
      'No call frame',
    );
  }, ROLES));

test('a session is its member’s: nobody else can use it, and it ends with them', () =>
  withWorkshop(async (workshop) => {
    const target = await stopped(workshop);
    const own = await DevtoolsSession.open(workshop, DEBUGGER, target);
    const args = { target, session: own.id, method: 'Runtime.enable', params: {} };
    assert.is((await failure(() => workshop.call(EDITOR, 'cdp.look', args))).code, 'HANDLE_STALE');
    workshop.mesh.disconnect(DEBUGGER);
    assert.match(own.ended ?? '', 'away');
    assert.is((await failure(() => own.call('Runtime.enable'))).code, 'HANDLE_STALE');
    assert.ok(workshop.engine(HOST).pauseOf(target), 'nothing resumed by itself');
  }, ROLES));

test('a step or resume of anybody reaches everybody, and old frames are stale', () =>
  withWorkshop(async (workshop) => {
    const target = await stopped(workshop);
    const session = await DevtoolsSession.open(workshop, DEBUGGER, target);
    await session.call('Debugger.enable');
    const { callFrames } = await session.event('Debugger.paused');
    await workshop.call(EDITOR, 'execution.step', { kind: 'over' });
    await session.event('Debugger.paused', (paused) => paused.callFrames[0]?.location.lineNumber === 11);
    assert.equal(
      session.seen.slice(-2).map(({ method }) => method),
      ['Debugger.resumed', 'Debugger.paused'],
    );
    const stale = { callFrameId: given(callFrames[0]).callFrameId, expression: '1' };
    assert.match((await failure(() => session.call('Debugger.evaluateOnCallFrame', stale))).message, 'No call frame');
    const refusal = await failure(() => workshop.call(DEBUGGER, 'execution.step', { kind: 'over', waitMs: 0 }));
    assert.is(refusal.code, 'LEASE_HELD');
  }, ROLES));

test('whoever may evaluate reads values as V8 has them', () =>
  withWorkshop(async (workshop) => {
    const target = await stopped(workshop);
    const session = await DevtoolsSession.open(workshop, DEBUGGER, target);
    await session.call('Debugger.enable');
    const { top, named } = await locals(session);
    assert.is(named('text').value, 'plain');
    assert.match(JSON.stringify(named('cart').preview), 'hunter2');
    const { callFrameId } = top;
    const { result } = await session.call('Debugger.evaluateOnCallFrame', {
      callFrameId,
      expression: 'cart',
      generatePreview: true,
    });
    assert.is(result.className, 'Cart');
    assert.ok(result.preview?.properties.some(({ name }) => name === 'items'));
    const called = await session.call('Runtime.callFunctionOn', {
      objectId: result.objectId,
      functionDeclaration: 'function (a, b) { return this.items.length + a + b.n; }',
      arguments: [{ value: 10 }, { value: { n: 100 } }],
      returnByValue: true,
    });
    assert.is(called.result.value, 112);
    const data = await session.call('Runtime.evaluate', {
      expression: '({ scriptId: "7", objectId: "x" })',
      returnByValue: true,
    });
    assert.equal(data.result.value, { scriptId: '7', objectId: 'x' }, 'the program’s own data stays as it is');
    await session.call('Runtime.releaseObject', { objectId: result.objectId });
    assert.match(
      (await failure(() => session.call('Runtime.getProperties', { objectId: result.objectId }))).message,
      'given id',
    );
    const left = await session.call('Runtime.evaluate', {
      expression: 'Object.getOwnPropertyNames(globalThis).filter((n) => n.startsWith("sandmesh"))',
      returnByValue: true,
    });
    assert.equal(left.result.value, []);
  }, ROLES));

test('a viewer looks: masked, without getters, without a way to run code', () =>
  withWorkshop(async (workshop) => {
    const target = await stopped(workshop);
    const session = await DevtoolsSession.open(workshop, VIEWER, target);
    await session.call('Runtime.enable');
    await session.call('Debugger.enable');
    const { named } = await locals(session);
    assert.is(named('text').value, 'plain');
    assert.not.match(JSON.stringify(named('cart')), 'hunter2');
    const { objectId } = named('cart');
    const opened = await session.call('Runtime.getProperties', { objectId, ownProperties: true });
    const names = opened.result.map(({ name }) => name);
    assert.equal(names, ['items', 'logins', 'password']);
    assert.not.match(JSON.stringify(opened), 'hunter2');
    assert.equal(
      opened.privateProperties?.map(({ name, value }) => [name, value?.value]),
      [
        ['#total', 7],
        ['#pin', '•••• (masked)'],
      ],
    );
    const ofMap = async (id: string | undefined) =>
      (await session.call('Runtime.getProperties', { objectId: id, ownProperties: true })).result;
    const [entry] = await ofMap(given(opened.result.find(({ name }) => name === 'logins')?.value).objectId);
    const inEntry = await ofMap(given(entry?.value).objectId);
    assert.equal(
      inEntry.map(({ name, value }) => [name, value?.value]),
      [
        ['key', 'password'],
        ['value', '•••• (masked)'],
      ],
    );
    const proto = given(opened.internalProperties?.find(({ name }) => name === '[[Prototype]]')?.value);
    const above = await session.call('Runtime.getProperties', { objectId: proto.objectId, ownProperties: true });
    const lazy = given(above.result.find(({ name }) => name === 'lazy')?.get);
    assert.is(lazy.type, 'function');
    assert.is(lazy.objectId, undefined, 'nothing to run it with');
    assert.match(
      (await session.call('Debugger.getScriptSource', { scriptId: session.scriptOf('shop.js') })).scriptSource,
      'class Cart',
    );
    const traps = await workshop.call(HOST, 'inspect.evaluate', { expression: 'traps' });
    assert.is(traps.result.value, '0');

    const message = JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression: 'process.exit()' } });
    for (const [method, params] of [
      ['Runtime.evaluate', { expression: '1', throwOnSideEffect: true }],
      ['Runtime.callFunctionOn', { objectId, functionDeclaration: 'function () { return this.lazy }' }],
      ['Runtime.compileScript', { expression: '1' }],
      ['NodeWorker.sendMessageToWorker', { sessionId: '1', message }],
      ['Runtime.terminateExecution', {}],
      ['Debugger.setScriptSource', { scriptId: '1', scriptSource: '' }],
      ['Debugger.setBreakpointByUrl', { url: 'x', lineNumber: 1, condition: 'process.exit()' }],
      ['Runtime.addBinding', { name: 'x' }],
      ['HeapProfiler.takeHeapSnapshot', {}],
    ] as const) {
      // A client of one's own may carry it by whatever command it likes.
      assert.is((await failure(() => session.call(method, params, 'cdp.look'))).code, 'FORBIDDEN', method);
    }
    workshop.mesh.setRole(VIEWER, 'commenter');
    assert.is(session.ended, undefined);
  }, ROLES));

test('a right that is gone, or that the host never gave, is gone by the next call', () =>
  withWorkshop(async (workshop) => {
    const target = await stopped(workshop);
    const session = await DevtoolsSession.open(workshop, DEBUGGER, target);
    await session.call('Debugger.enable');
    const { named } = await locals(session);
    assert.match(JSON.stringify(named('cart')), 'hunter2');
    workshop.consented.delete(DEBUGGER);
    assert.not.match(JSON.stringify((await locals(session)).named('cart')), 'hunter2');
    workshop.denied.add('view');
    workshop.engine(HOST).recheckConsent();
    assert.match(session.ended ?? '', 'not look');
  }, ROLES));

test('what would change the program for the others is swallowed, or refused', () =>
  withWorkshop(async (workshop) => {
    const target = await stopped(workshop);
    const session = await DevtoolsSession.open(workshop, HOST, target);
    for (const method of CDP_NO_OPS) assert.equal(await session.call(method, { maxDepth: 32, patterns: ['.*'] }), {});
    assert.equal(await session.call('Debugger.setSkipAllPauses', { skip: false }), {});
    assert.match((await failure(() => session.call('Debugger.setSkipAllPauses', { skip: true }))).message, 'everybody');
    await session.call('Runtime.disable');
    const next = workshop.nextPause();
    await workshop.call(HOST, 'execution.resume', {});
    await next;
  }, ROLES));

test('no evaluation outlives its time, whichever call it came by', () =>
  withWorkshop(async (workshop) => {
    const target = await stopped(workshop);
    const session = await DevtoolsSession.open(workshop, DEBUGGER, target);
    await session.call('Debugger.enable');
    const { callFrames } = await session.event('Debugger.paused');
    const endless = { timeout: 100 };
    for (const [method, params] of [
      ['Runtime.evaluate', { expression: 'for (;;);' }],
      ['Debugger.evaluateOnCallFrame', { callFrameId: given(callFrames[0]).callFrameId, expression: 'for (;;);' }],
      ['Runtime.callFunctionOn', { executionContextId: 1, functionDeclaration: 'function () { for (;;); }' }],
    ] as const) {
      const refusal = await failure(() => session.call(method, { ...params, ...endless }));
      assert.match(refusal.message, 'ran longer than 100 ms', method);
    }
    assert.is((await session.call('Runtime.evaluate', { expression: '1 + 1' })).result.value, 2, 'the program is well');
  }, ROLES));

test('a place that a line of the source says as exactly becomes that line; any other stays what it was', () =>
  withWorkshop(async (workshop) => {
    const target = await stopped(workshop);
    const session = await DevtoolsSession.open(workshop, DEBUGGER, target);
    await session.call('Debugger.enable');
    const scriptId = session.scriptOf('shop.js');
    const { url } = given(session.told('Debugger.scriptParsed').find((script) => script.scriptId === scriptId));
    const line = await session.locate('Debugger.setBreakpointByUrl', { url, lineNumber: 9 });
    assert.is(line.where?.kind, 'line');
    assert.is(line.where?.kind === 'line' && line.where.line, 10);
    assert.is(line.where?.kind === 'line' && line.where.column, undefined);
    assert.equal(line.locations, [{ scriptId, lineNumber: 9, columnNumber: 15 }]);
    const column = await session.locate('Debugger.setBreakpoint', {
      location: { scriptId, lineNumber: 13, columnNumber: 18 },
    });
    assert.ok(column.where?.kind === 'line' && column.where.column === 19, JSON.stringify(column));
    const pattern = await session.locate('Debugger.setBreakpointByUrl', {
      urlRegex: '^(.*[\\/\\\\])?later\\.js$',
      lineNumber: 0,
    });
    assert.equal(pattern.where, { kind: 'script', url: '^(.*[\\/\\\\])?later\\.js$', isPattern: true, line: 1 });
    assert.equal(pattern.locations, []);
    const evil = { urlRegex: '(a+)+$', lineNumber: 1 };
    assert.is((await failure(() => session.locate('Debugger.setBreakpointByUrl', evil))).code, 'BAD_ARGUMENT');
  }, ROLES));

test('a breakpoint in running code, set by a pattern before the script is loaded, stops it and is its member’s', () =>
  withWorkshop(async (workshop) => {
    workshop.write({
      'main.js':
        "setInterval(() => { delete require.cache[require.resolve('./later.js')]; require('./later.js'); }, 5);\n",
      'later.js': 'let n = 1;\nn += 1;\nmodule.exports = n;\n',
    });
    const where = { kind: 'script' as const, url: '/later\\.js$', isPattern: true, line: 2 };
    const { id: breakpoint } = await workshop.call(DEBUGGER, 'breakpoint.add', { where });
    const stop = workshop.nextPause();
    const { id } = await workshop.run('main.js');
    const pause = await stop;
    assert.equal(pause.hitBreakpoints, [breakpoint]);
    assert.is(pause.frames[0]?.line, 2);
    const session = await DevtoolsSession.open(workshop, DEBUGGER, id);
    await session.call('Debugger.enable');
    assert.equal((await session.event('Debugger.paused')).hitBreakpoints, [breakpoint]);
    const { locations } = await session.locate('', {}, { breakpoint });
    assert.is(locations[0]?.lineNumber, 1);
    const views = workshop.engine(EDITOR).breakpoints();
    assert.equal(
      views.map(({ writtenBy, where: seen }) => [writtenBy, seen.kind]),
      [[DEBUGGER, 'script']],
    );
  }, ROLES));

test.run();
