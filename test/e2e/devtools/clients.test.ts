// test: limit 240 s
/** Clients of every kind on one target: well-behaved, forbidden, many, flooding, and gone. */

import CDP from 'chrome-remote-interface';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import { eventually } from '../mesh/members.ts';
import { BODY_LINE, portOf, withShop } from './shop.ts';

type Answer = { id?: number; result?: Record<string, unknown>; error?: { code: number; message: string } };

/** A client that sends whatever it is told to. */
class RawClient {
  readonly socket: WebSocket;
  readonly events: { method: string; params: Record<string, unknown> }[] = [];
  readonly closed: Promise<number>;
  readonly #open = new Map<number, (answer: Answer) => void>();
  #next = 1;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('message', (data) => {
      const message = JSON.parse(String(data));
      if (message.id === undefined) this.events.push(message);
      else this.#open.get(message.id)?.(message);
    });
  }

  static async connect(url: string): Promise<RawClient> {
    const client = new RawClient(new WebSocket(url));
    await new Promise((resolve, reject) => client.socket.once('open', resolve).once('error', reject));
    return client;
  }

  call(method: string, params: object = {}): Promise<Answer> {
    const id = this.#next++;
    const answer = new Promise<Answer>((resolve) => this.#open.set(id, resolve));
    this.socket.send(JSON.stringify({ id, method, params }));
    return answer;
  }
}

test('chrome-remote-interface debugs a remote program, and sees what others do', () =>
  withShop(async ({ host, guest, atHost, target }) => {
    const { port } = await portOf(guest);
    const client = await CDP({ host: '127.0.0.1', port, local: true });
    const { Debugger, Runtime } = client;
    const scripts = new Map<string, string>();
    Debugger.on('scriptParsed', ({ scriptId, url }) => scripts.set(url, scriptId));
    await Runtime.enable();
    await Debugger.enable({});
    const [url = ''] = [...scripts.keys()].filter((each) => each.endsWith('/shop.js'));
    const { scriptSource } = await Debugger.getScriptSource({ scriptId: scripts.get(url) ?? '' });
    assert.match(scriptSource, 'class Cart');
    const stopped = new Promise<{ hitBreakpoints?: string[] }>((resolve) => Debugger.on('paused', resolve));
    const { breakpointId, locations } = await Debugger.setBreakpointByUrl({ url, lineNumber: BODY_LINE - 1 });
    assert.is(locations[0]?.lineNumber, BODY_LINE - 1);
    assert.equal((await stopped).hitBreakpoints, [breakpointId], 'under the name this client knows');

    await host.ask('lease.take', 'lease', 'take');
    const refusal = await Debugger.stepOver({}).catch((error: Error) => error.message);
    assert.match(String(refusal), /lease|drive/i, 'who drives is said');
    await host.ask('lease.release', 'lease', 'release');
    const next = new Promise<{ callFrames: { location: { lineNumber: number } }[] }>((resolve) =>
      Debugger.on('paused', resolve),
    );
    await Debugger.stepOver({});
    assert.is((await next).callFrames[0]?.location.lineNumber, BODY_LINE);

    // A step of somebody else's is an event like its own.
    const resumed = new Promise((resolve) => Debugger.on('resumed', () => resolve(undefined)));
    await atHost.call('lease.take', { target });
    await guest.ask('lease.release', 'lease', 'release').catch(() => undefined);
    await eventually('the lease', async () => (await atHost.call('lease.take', { target })).held || undefined);
    await atHost.call('execution.resume', { target });
    await resumed;
    await client.close();
  }));

test('a viewer’s tool looks, and gets no code in by any way', () =>
  withShop(async ({ host, guest, atHost, target }) => {
    await host.ask('breakpoint.add', 'break', 'add', `shop.js:${BODY_LINE}`);
    const client = await RawClient.connect((await portOf(guest)).webSocketDebuggerUrl);
    await client.call('Runtime.enable');
    await client.call('Debugger.enable');
    const paused = await eventually('the pause', () =>
      client.events.find(({ method }) => method === 'Debugger.paused'),
    );
    const [frame] = paused.params['callFrames'] as {
      callFrameId: string;
      scopeChain: { object: { objectId: string } }[];
    }[];
    const { objectId } = frame?.scopeChain[0]?.object ?? { objectId: '' };
    const properties = JSON.stringify(await client.call('Runtime.getProperties', { objectId, ownProperties: true }));
    assert.match(properties, '"cart"');
    assert.not.match(properties, 'hunter2');
    // A getter is shown as one, however it is asked for, and runs nowhere.
    const cart = JSON.parse(properties).result.result.find(({ name }: { name: string }) => name === 'cart');
    for (const choice of [{ ownProperties: false }, { accessorPropertiesOnly: true }, { generatePreview: true }]) {
      const params = { objectId: cart.value.objectId, ...choice };
      assert.match(JSON.stringify(await client.call('Runtime.getProperties', params)), '"result":{"result"');
    }
    const { callFrameId } = frame ?? {};
    const touch = 'globalThis.touched = 1';
    const location = { scriptId: '1', lineNumber: 8, columnNumber: 0 };
    const toWorker = (method: string, params: object): object => ({
      sessionId: '1',
      message: JSON.stringify({ id: 1, method, params }),
    });
    for (const [method, params] of [
      ['Runtime.evaluate', { expression: touch }],
      ['Runtime.evaluate', { expression: 'count', throwOnSideEffect: true }],
      ['Debugger.evaluateOnCallFrame', { callFrameId, expression: touch, throwOnSideEffect: true }],
      ['Runtime.callFunctionOn', { objectId, functionDeclaration: `function () { ${touch} }` }],
      ['Debugger.setBreakpointByUrl', { urlRegex: 'shop', lineNumber: 8, condition: touch }],
      ['Debugger.setBreakpointByUrl', { urlRegex: 'shop', lineNumber: 8 }],
      ['Debugger.setVariableValue', { callFrameId, scopeNumber: 0, variableName: 'n', newValue: { value: 2 } }],
      ['Debugger.setScriptSource', { scriptId: '1', scriptSource: '' }],
      ['Debugger.setBreakpoint', { location, condition: touch }],
      ['Debugger.setBreakpointOnFunctionCall', { objectId, condition: touch }],
      ['Debugger.setInstrumentationBreakpoint', { instrumentation: 'beforeScriptExecution' }],
      ['Debugger.setReturnValue', { newValue: { value: 1 } }],
      ['Debugger.restartFrame', { callFrameId, mode: 'StepInto' }],
      ['Debugger.continueToLocation', { location }],
      [
        'Runtime.callFunctionOn',
        { objectId, functionDeclaration: 'function () { return this.cart.total }', silent: true },
      ],
      ['Runtime.compileScript', { expression: touch, sourceURL: '', persistScript: true }],
      ['Runtime.runScript', { scriptId: '1' }],
      ['Runtime.awaitPromise', { promiseObjectId: objectId }],
      ['Runtime.queryObjects', { prototypeObjectId: objectId }],
      ['Runtime.addBinding', { name: 'touched' }],
      ['HeapProfiler.takeHeapSnapshot', {}],
      ['Profiler.start', {}],
      ['NodeTracing.start', { traceConfig: { includedCategories: ['node'] } }],
      ['NodeWorker.sendMessageToWorker', toWorker('Runtime.evaluate', { expression: touch })],
      ['NodeWorker.sendMessageToWorker', toWorker('Debugger.setBreakpointByUrl', { urlRegex: '', condition: touch })],
      ['NodeWorker.sendMessageToWorker', toWorker('NodeWorker.sendMessageToWorker', toWorker('Runtime.evaluate', {}))],
      ['NodeWorker.sendMessageToWorker', { sessionId: '1', message: '{' }],
      ['Debugger.stepOver', {}],
      ['Debugger.resume', {}],
      ['Debugger.pause', {}],
      ['Debugger.setPauseOnExceptions', { state: 'all' }],
      ['Runtime.terminateExecution', {}],
    ] as const) {
      const { error, result } = await client.call(method, params);
      assert.ok(error !== undefined, `${method} answered ${JSON.stringify(result)}`);
    }
    const { result } = await atHost.call('inspect.evaluate', { target, expression: 'typeof touched' });
    assert.is(result.value, '"undefined"');
    assert.is((await atHost.call('target.list', {})).targets[0]?.state, 'paused');
    client.socket.terminate();
  }, 'viewer'));

test('a client that vanishes while the program stands resumes nothing and takes its breakpoints along', () =>
  withShop(async ({ guest, atHost, target }) => {
    const client = await RawClient.connect((await portOf(guest)).webSocketDebuggerUrl);
    await client.call('Debugger.enable');
    const script = client.events.find(({ params }) => String(params['url']).endsWith('/shop.js'));
    const { url } = script?.params ?? {};
    await client.call('Debugger.setBreakpointByUrl', { url, lineNumber: BODY_LINE - 1 });
    await eventually('the pause', () => client.events.find(({ method }) => method === 'Debugger.paused'));
    client.socket.terminate();
    await eventually('the breakpoint to be gone', async () => {
      const { breakpoints } = await atHost.call('breakpoint.list', {});
      return breakpoints.length === 0 || undefined;
    });
    const state = async () => (await atHost.call('target.list', {})).targets[0]?.state;
    assert.is(await state(), 'paused');
    await atHost.call('execution.resume', { target });
    await eventually('the program to run', async () => (await state()) === 'running' || undefined);
  }));

test('fifty clients on one target all see each stop; a flood and garbage from some hold up nobody', () =>
  withShop(async ({ host, atHost, target }) => {
    const clients: RawClient[] = [];
    for (let i = 0; i < 50; i++) {
      const { webSocketDebuggerUrl } = await atHost.call('cdp.listen', { target });
      clients.push(await RawClient.connect(webSocketDebuggerUrl));
    }
    await Promise.all(clients.map((client) => client.call('Debugger.enable')));
    const [flooding, babbling, huge] = clients as [RawClient, RawClient, RawClient];
    for (let i = 0; i < 20_000; i++)
      flooding.socket.send(`{"id":${i + 1000},"method":"Runtime.getIsolateId","params":{}}`);
    for (const text of [
      '{',
      '[]',
      'null',
      '{"id":"x"}',
      '{"id":1,"method":7}',
      '{"id":1,"method":"a","params":[]}',
      '\u0000',
    ]) {
      babbling.socket.send(text);
    }
    huge.socket.send('x'.repeat(100 * 1024 * 1024));
    const { id } = await host.ask('breakpoint.add', 'break', 'add', `shop.js:${BODY_LINE}`);
    const rest = clients.slice(3);
    await eventually('everybody to see the stop', () =>
      rest.every(({ events }) => events.some(({ method }) => method === 'Debugger.paused')) ? true : undefined,
    );
    const { error } = await babbling.call('Runtime.getIsolateId');
    assert.is(error, undefined, 'it may go on');
    assert.ok([1009, 1006].includes(await huge.closed));
    await atHost.call('breakpoint.remove', { breakpoint: id });
    await atHost.call('execution.resume', { target });
    await eventually('everybody to see it run', () =>
      rest.every(({ events }) => events.some(({ method }) => method === 'Debugger.resumed')) ? true : undefined,
    );
    for (const { socket } of clients) socket.terminate();
    await eventually('every port to be closed', async () => {
      const status = await atHost.call('daemon.status', {});
      return status.clients <= 2 || undefined;
    });
  }));

test.run();
