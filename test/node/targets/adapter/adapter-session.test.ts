/** What the engine asks in CDP and an adapter answers in DAP, on conversations with debugpy, delve and lldb as they were recorded. */

import path from 'node:path';
import type { Protocol } from 'devtools-protocol';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TOOL_FUNCTIONS } from '#node/engine/debug/inspection-tool/functions.ts';
import type { AdapterProcess } from '#node/targets/adapter/adapter-process.ts';
import type { AdapterLaunch } from '#node/targets/adapter/recipes.ts';
import { failure } from '#test/node/failure.ts';
import { until } from '#test/until.ts';
import { withConversation } from './conversation.ts';

const APPS = path.resolve(import.meta.dirname, '../../../apps/languages');

const DEBUGPY: AdapterLaunch = {
  name: 'debugpy',
  language: 'Python',
  commands: [['/usr/bin/python3', '-m', 'debugpy.adapter']],
  request: 'launch',
  arguments: { type: 'python', console: 'internalConsole', program: path.join(APPS, 'shelf.py'), args: [] },
  entry: path.join(APPS, 'shelf.py'),
};

/** `gcc -g -O0 -o shelf shelf.c` in the program's folder, to record it again. */
const LLDB: AdapterLaunch = {
  name: 'lldb',
  language: 'native code',
  commands: [['lldb-vscode-14']],
  request: 'launch',
  arguments: { program: path.join(APPS, 'shelf'), args: [] },
  entry: path.join(APPS, 'shelf.c'),
};

const DELVE: AdapterLaunch = {
  name: 'delve',
  language: 'Go',
  commands: [['dlv', 'dap', '--client-addr', '127.0.0.1:{port}']],
  request: 'launch',
  arguments: { mode: 'debug', program: path.join(APPS, 'shelf.go'), stackTraceDepth: 100, hideSystemGoroutines: true },
  entry: path.join(APPS, 'shelf.go'),
  entryFunction: 'main.main',
};

/** Looks at a program as the engine does. */
class Debugger {
  readonly process: AdapterProcess;
  readonly stops: Protocol.Debugger.PausedEvent[] = [];
  readonly scripts: Protocol.Debugger.ScriptParsedEvent[] = [];
  readonly printed: string[] = [];
  resumes = 0;
  #looked = 0;

  constructor(process: AdapterProcess) {
    this.process = process;
  }

  async start(): Promise<void> {
    await this.process.start();
    const { cdp } = this.process;
    cdp.on('Debugger.paused', (stop) => this.stops.push(stop));
    cdp.on('Debugger.resumed', () => {
      this.resumes += 1;
    });
    cdp.on('Debugger.scriptParsed', (script) => this.scripts.push(script));
    cdp.on('Runtime.consoleAPICalled', ({ type, args }) => this.printed.push(`${type}: ${args[1]?.value}`));
    await cdp.send('Debugger.enable', {});
  }

  async breakAt(line: number): Promise<Protocol.Debugger.SetBreakpointResponse> {
    const scriptId = this.scripts[0]?.scriptId ?? '';
    return this.process.cdp.send('Debugger.setBreakpoint', { location: { scriptId, lineNumber: line - 1 } });
  }

  async stopped(): Promise<Protocol.Debugger.PausedEvent> {
    this.#looked += 1;
    const stop = await until(() => this.stops[this.#looked - 1], 'the next stop');
    assert.is(this.stops.length, this.#looked);
    return stop;
  }

  /** `name = value` of what an object has. */
  async listed(objectId: string | undefined, filter = ''): Promise<string[]> {
    const { result } = await this.process.cdp.send('Runtime.callFunctionOn', {
      objectId: objectId ?? '',
      functionDeclaration: TOOL_FUNCTIONS.page,
      arguments: [{ objectId: 'tool' }, { value: 1 }, { value: 0 }, { value: 100 }, { value: filter }],
    });
    const { items } = JSON.parse(String(result.value)) as { items: { name: string; node: { v: string } }[] };
    return items.map(({ name, node }) => `${name} = ${node.v}`);
  }

  async child(objectId: string | undefined, name: string): Promise<Protocol.Runtime.RemoteObject> {
    const { result } = await this.process.cdp.send('Runtime.callFunctionOn', {
      objectId: objectId ?? '',
      functionDeclaration: TOOL_FUNCTIONS.child,
      arguments: [{ objectId: 'tool' }, { value: { by: 'name', name } }],
    });
    return result;
  }

  async evaluate(expression: string): Promise<string | undefined> {
    const asked = { callFrameId: 'frame-0', expression };
    const { result } = await this.process.cdp.send('Debugger.evaluateOnCallFrame', asked);
    return result.description;
  }
}

const placesOf = ({ callFrames }: Protocol.Debugger.PausedEvent): string[] =>
  callFrames.map(({ functionName, location }) => `${functionName}:${location.lineNumber + 1}`);

const scopesOf = ({ callFrames }: Protocol.Debugger.PausedEvent, frame = 0): Protocol.Debugger.Scope[] =>
  callFrames[frame]?.scopeChain ?? [];

test('debugpy: a breakpoint, the stack, scopes, values, evaluation, a step, an exception and the end', () =>
  withConversation('debugpy', DEBUGPY, async ({ process, exits }) => {
    const program = new Debugger(process);
    let end: unknown;
    process.events.on('exit', (how) => {
      end = how;
    });
    await program.start();
    assert.equal(
      program.scripts.map(({ url, endLine }) => [path.basename(url), endLine]),
      [['shelf.py', 18]],
    );
    const set = await program.breakAt(9);
    assert.is(set.actualLocation.lineNumber, 8);
    assert.ok(process.adapter.stopsAt('caught'));
    await process.cdp.send('Debugger.setPauseOnExceptions', { state: 'caught' });
    await process.release();

    const stop = await program.stopped();
    assert.equal([stop.reason, stop.hitBreakpoints], ['other', [set.breakpointId]]);
    assert.equal(placesOf(stop), ['add:9', '<module>:14']);
    const [local, global] = scopesOf(stop);
    assert.equal([local?.type, local?.name, global?.type, global?.name], ['local', 'Locals', 'global', 'Globals']);
    const locals = await program.listed(local?.object.objectId);
    assert.equal(
      locals.map((text) => text.split(' ')[0]),
      ['each', 'prices', 'tea', 'times'],
    );
    assert.ok(locals.includes('each = 3') && locals.includes('times = 2'));
    const prices = await program.child(local?.object.objectId, 'prices');
    assert.is(prices.className, 'dict');
    const inPrices = await program.listed(prices.objectId);
    assert.is(inPrices[1], "'cake' = 5");
    // What few look for comes last.
    assert.match(inPrices.at(-2) ?? '', /^(?:special|function) variables = $/);
    const [outer] = scopesOf(stop, 1);
    assert.ok(!(await program.listed(outer?.object.objectId)).includes('each = 3'));

    assert.is(await program.evaluate('each * times'), '6');
    const refused = await failure(() => program.evaluate('each + nope'));
    assert.equal([refused.code, /nope/.test(refused.message)], ['EVALUATION_FAILED', true]);
    const asked = { callFrameId: 'frame-0', expression: 'each', throwOnSideEffect: true };
    const held = await failure(() => process.cdp.send('Debugger.evaluateOnCallFrame', asked));
    assert.match(held.message, /debugpy cannot evaluate without side effects/);
    assert.ok((await program.listed(local?.object.objectId)).includes('times = 2'));
    const newValue = { value: '5' };
    const change = { callFrameId: 'frame-0', scopeNumber: 0, variableName: 'times', newValue };
    await process.cdp.send('Debugger.setVariableValue', change);
    assert.ok((await program.listed(local?.object.objectId)).includes('times = 5'));

    await process.cdp.send('Debugger.stepOver', {});
    const step = await program.stopped();
    assert.equal([step.reason, step.hitBreakpoints, placesOf(step)[0]], ['step', [], 'add:10']);
    const stale = await failure(() => program.listed(local?.object.objectId));
    assert.is(stale.code, 'HANDLE_STALE');
    await process.cdp.send('Debugger.resume', {});

    const thrown = await program.stopped();
    assert.equal([thrown.reason, placesOf(thrown)[0]], ['exception', 'add:8']);
    const { className, description, uncaught } = thrown.data as Record<string, unknown>;
    assert.match(String(className), 'AttributeError');
    assert.match(String(description), "'NoneType' object has no attribute 'price'");
    assert.is(uncaught, false);
    assert.ok(program.printed.includes('log: total 15'));
    // It would stop once more where the exception is passed on.
    await process.cdp.send('Debugger.setPauseOnExceptions', { state: 'none' });
    await process.cdp.send('Debugger.resume', {});
    await until(() => end, 'the end');
    assert.equal([end, exits], [{ code: 0, signal: null, how: 'exit' }, [0]]);
    assert.ok(program.printed.includes('log: no tea'), program.printed.join('\n'));
    assert.is(program.resumes, 3);
  }));

test('lldb: a breakpoint, the stack, scopes of each frame, values, evaluation, a step and the end', () =>
  withConversation('lldb', LLDB, async ({ process, exits }) => {
    const program = new Debugger(process);
    let end: unknown;
    process.events.on('exit', (how) => {
      end = how;
    });
    await program.start();
    const set = await program.breakAt(10);
    await process.release();
    const stop = await program.stopped();
    assert.equal([stop.reason, stop.hitBreakpoints], ['other', [set.breakpointId]]);
    assert.equal(placesOf(stop).slice(0, 2), ['add:10', 'main:18']);
    const scopes = scopesOf(stop).map(({ type, name }) => `${type} ${name}`);
    assert.equal(scopes, ['local Locals', 'global Globals', 'global Registers']);
    const [local] = scopesOf(stop);
    const [outer] = scopesOf(stop, 1);
    // Both are under one number at LLDB: asked for at once, each gets its own.
    const [inner, caller] = await Promise.all([
      program.listed(local?.object.objectId),
      program.listed(outer?.object.objectId),
    ]);
    assert.ok(inner.includes('each = 3') && inner.includes('times = 2'), inner.join('\n'));
    assert.equal(
      caller.map((text) => text.split(' ')[0]),
      ['green'],
    );
    const tea = await program.child(local?.object.objectId, 'tea');
    assert.ok((await program.listed(tea.objectId)).includes('price = 3'));
    assert.is(await program.evaluate('each * times'), '6');
    const refused = await failure(() => program.evaluate('each + nope'));
    assert.match(refused.message, /nope/);
    assert.ok((await program.listed(local?.object.objectId)).includes('times = 2'));
    const change = { callFrameId: 'frame-0', scopeNumber: 0, variableName: 'times', newValue: { value: '5' } };
    await process.cdp.send('Debugger.setVariableValue', change);
    assert.ok((await program.listed(local?.object.objectId)).includes('times = 5'));
    await process.cdp.send('Debugger.stepOver', {});
    const step = await program.stopped();
    assert.equal([step.reason, placesOf(step)[0]], ['step', 'add:11']);
    await process.cdp.send('Debugger.removeBreakpoint', { breakpointId: set.breakpointId });
    await process.cdp.send('Debugger.resume', {});
    await until(() => end, 'the end');
    assert.equal([end, exits], [{ code: 7, signal: null, how: 'exit' }, [7]]);
    assert.is(program.resumes, 2);
    assert.ok(
      program.printed.some((line) => line.includes('total 15')),
      program.printed.join('\n'),
    );
  }));

test('delve: a breakpoint, the stack, scopes, values, evaluation, a step and the end', () =>
  withConversation('delve', DELVE, async ({ process, exits }) => {
    const program = new Debugger(process);
    let end: unknown;
    process.events.on('exit', (how) => {
      end = how;
    });
    await program.start();
    const set = await program.breakAt(15);
    await process.release();
    const stop = await program.stopped();
    assert.equal([stop.reason, stop.hitBreakpoints], ['other', [set.breakpointId]]);
    assert.equal(placesOf(stop).slice(0, 2), ['main.add:15', 'main.main:22']);
    const scopes = scopesOf(stop).map(({ type, name }) => `${type} ${name}`);
    assert.equal(scopes, ['local Locals']);
    const [local] = scopesOf(stop);
    const [outer] = scopesOf(stop, 1);
    const [inner, caller] = await Promise.all([
      program.listed(local?.object.objectId),
      program.listed(outer?.object.objectId),
    ]);
    assert.equal(inner, ['green = *main.tea {name: "green", price: 3}', 'times = 2', '~r0 = 0', 'each = 3']);
    assert.equal(caller, ['green = main.tea {name: "green", price: 3}']);
    // A pointer has what it points to as its only member, and that one no name.
    const pointer = await program.child(local?.object.objectId, 'green');
    const green = await program.child(pointer.objectId, '');
    assert.equal(await program.listed(green.objectId), ['name = "green"', 'price = 3']);
    assert.is(await program.evaluate('each * times'), '6');
    const refused = await failure(() => program.evaluate('each + nope'));
    assert.match(refused.message, /nope/);
    const change = { callFrameId: 'frame-0', scopeNumber: 0, variableName: 'times', newValue: { value: '5' } };
    await process.cdp.send('Debugger.setVariableValue', change);
    assert.ok((await program.listed(local?.object.objectId)).includes('times = 5'));
    await process.cdp.send('Debugger.stepOver', {});
    const step = await program.stopped();
    assert.equal([step.reason, placesOf(step)[0]], ['step', 'main.add:16']);
    const stale = await failure(() => program.listed(local?.object.objectId));
    assert.is(stale.code, 'HANDLE_STALE');
    await process.cdp.send('Debugger.removeBreakpoint', { breakpointId: set.breakpointId });
    await process.cdp.send('Debugger.resume', {});
    await until(() => end, 'the end');
    assert.equal([end, exits], [{ code: 7, signal: null, how: 'exit' }, [7]]);
    assert.is(program.resumes, 2);
  }));

test.run();
