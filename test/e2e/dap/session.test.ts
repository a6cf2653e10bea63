// test: full
// test: limit 120 s
/**
 * One whole session, written down as it went: what the editor asked, what it was told. Numbers that differ from run to
 * run (ports, processes, references) are left out; everything else is the contract with editors.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withMembers } from '../mesh/members.ts';
import { Editor } from './editor.ts';

const GOLDEN = path.join(import.meta.dirname, 'session.golden.txt');
const TOP = { threadId: 1 };

const PROGRAM = `const cart = { items: ['tea', 'cake'], total: 0, prices: new Map([['tea', 3], ['cake', 5]]) };
function price(item) {
  return cart.prices.get(item);
}
function add(item, times) {
  const each = price(item);
  cart.total += each * times;
  return cart.total;
}
for (const item of cart.items) {
  add(item, 2);
}
for (let n = 1; n <= 6; n += 1) {
  add('tea', n);
}
try {
  add(null.item, 1);
} catch (error) {
  console.log('caught', error.name);
}
setTimeout(() => console.error('done'), 1);
`;

class Transcript {
  readonly #lines: string[] = [];
  readonly #editor: Editor;
  #told = 0;

  constructor(editor: Editor) {
    this.#editor = editor;
  }

  /** What was asked and answered; `undefined` for a bare "done". */
  asked(what: string, answer: unknown): void {
    const lines = (Array.isArray(answer) ? answer : [answer]).map((one) =>
      typeof one === 'string' ? one : JSON.stringify(one),
    );
    this.#lines.push(`> ${what}`, ...(answer === undefined ? [] : lines.map((line) => `  ${line}`)));
  }

  /** What it was told since, of the kinds whose order is certain. */
  told(): void {
    for (const { event, body } of this.#editor.events.slice(this.#told)) {
      if (event === 'stopped')
        this.#lines.push(
          `< stopped: ${body.description}${body.text === undefined ? '' : ` (${body.text.split('\n')[0]})`}`,
        );
      if (event === 'terminated' || event === 'continued') this.#lines.push(`< ${event}`);
      if (event === 'exited') this.#lines.push(`< exited with ${body.exitCode}`);
    }
    this.#told = this.#editor.events.length;
  }

  get text(): string {
    return `${this.#lines.join('\n')}\n`;
  }
}

/** From Node 22 on a variable before its declaration is told from one that holds undefined. */
const shown = ({ name, value, type }: DebugProtocol.Variable): string =>
  `${name}: ${type} = ${value}`.replace('unavailable = <unavailable>', 'undefined = undefined');

test('a session reads as it is written down', () =>
  withMembers(async ({ member }) => {
    const host = member('host', 'work');
    const file = path.join(host.folder, 'till.js');
    writeFileSync(file, PROGRAM);
    const editor = await Editor.open(host);
    const log = new Transcript(editor);

    await editor.launchWith({ program: 'till.js', private: true }, async () => {
      const set = await editor.setLines(file, { line: 11, column: 3 }, { line: 14, hitCondition: '% 4' });
      log.asked(
        'setBreakpoints 11:3, 14 at every 4th hit',
        set.map(({ line, verified }) => ({ line, verified })),
      );
      await editor.setExceptionBreakpointsRequest({ filters: ['caught'] });
      const functions = await editor.setFunctionBreakpointsRequest({
        breakpoints: [{ name: 'price', condition: "item === 'cake'" }],
      });
      log.asked(
        "setFunctionBreakpoints price if item === 'cake'",
        functions.body.breakpoints.map(({ verified }) => ({ verified })),
      );
    });

    await editor.stopped();
    log.told();
    log.asked('threads', (await editor.threadsRequest()).body.threads);
    log.asked('stackTrace', await lines(editor));
    const first = await editor.top();
    const targets = (await editor.stepInTargetsRequest({ frameId: first.id })).body.targets;
    log.asked(
      'stepInTargets',
      targets.map(({ label }) => label),
    );
    await editor.stepInRequest({ ...TOP, targetId: targets[0]?.id ?? 0 });
    await editor.stopped();
    log.asked('stepIn add(…)', await lines(editor));
    log.told();

    const inAdd = await editor.top();
    const scopes = (await editor.scopesRequest({ frameId: inAdd.id })).body.scopes;
    log.asked(
      'scopes',
      scopes.map(({ name, expensive }) => ({ name, expensive })),
    );
    log.asked('variables Local', [...(await editor.locals(inAdd.id)).values()].map(shown));
    for (const context of ['hover', 'watch', 'repl', 'clipboard']) {
      log.asked(`evaluate cart.items (${context})`, await editor.evaluate('cart.items', inAdd.id, context));
    }
    log.asked('evaluate times * 10 (repl)', await editor.evaluate('times * 10', inAdd.id));
    log.asked('evaluate cart.total = 1 (hover)', await refusal(editor.evaluate('cart.total = 1', inAdd.id, 'hover')));
    const completed = await editor.completionsRequest({ frameId: inAdd.id, text: 'cart.t', column: 7 });
    log.asked(
      'completions cart.t',
      completed.body.targets.slice(0, 3).map(({ label, start, length }) => ({ label, start, length })),
    );
    const script = scopes.find(({ name }) => name.startsWith('Script') || name.startsWith('Closure')) ?? scopes[1];
    const cart = (await editor.opened(script?.variablesReference ?? 0)).get('cart');
    const inCart = await editor.opened(cart?.variablesReference ?? 0);
    log.asked('variables cart', [...inCart.values()].map(shown));
    const items = inCart.get('items');
    const page = await editor.variablesRequest({
      variablesReference: items?.variablesReference ?? 0,
      filter: 'indexed',
      start: 1,
      count: 1,
    });
    log.asked('variables items, indexed, 1 from 1', page.body.variables.map(shown));
    log.asked('evaluateName', [items?.evaluateName, page.body.variables[0]?.evaluateName]);
    const set = await editor.setVariableRequest({
      variablesReference: cart?.variablesReference ?? 0,
      name: 'total',
      value: '100',
    });
    log.asked('setVariable cart.total = 100', set.body.value);
    const local = scopes[0]?.variablesReference ?? 0;
    log.asked(
      'setVariable times = 1',
      (await editor.setVariableRequest({ variablesReference: local, name: 'times', value: '1' })).body.value,
    );
    const expression = { expression: 'cart.items[1]', value: '"cake"', frameId: inAdd.id };
    log.asked('setExpression cart.items[1]', (await editor.customRequest('setExpression', expression)).body.value);

    await editor.nextRequest(TOP);
    await editor.stopped();
    await editor.restartFrameRequest({ frameId: (await editor.top()).id });
    await editor.stopped();
    log.asked('next, then restartFrame', await lines(editor));
    log.told();
    await editor.stepOutRequest(TOP);
    await editor.stopped();
    log.told();
    log.asked('stepOut', await lines(editor));

    await editor.continueRequest(TOP);
    await editor.stopped();
    log.told();
    await editor.continueRequest(TOP);
    await editor.stopped();
    log.told();
    log.asked('continue to the conditional function breakpoint', await lines(editor));
    await editor.continueRequest(TOP);
    await editor.stopped();
    log.told();
    log.asked('evaluate n (watch)', await editor.evaluate('n', (await editor.top()).id, 'watch'));

    await editor.continueRequest(TOP);
    await editor.stopped();
    log.told();
    const { body: thrown } = await editor.exceptionInfoRequest(TOP);
    log.asked('exceptionInfo', {
      exceptionId: thrown.exceptionId,
      description: thrown.description,
      breakMode: thrown.breakMode,
      stack: thrown.details?.stackTrace?.split('\n')[0],
    });
    const sources = await editor.customRequest('loadedSources');
    const own = sources.body.sources.filter(({ path: at }: DebugProtocol.Source) => at === file);
    log.asked(
      'loadedSources, of the program',
      own.map(({ name }: DebugProtocol.Source) => name),
    );
    const { body: modules } = await editor.customRequest('modules', { startModule: 0, moduleCount: 1 });
    log.asked('modules, one of some', [modules.modules.length, modules.totalModules > 5]);

    await editor.setExceptionBreakpointsRequest({ filters: [] });
    await editor.continueRequest(TOP);
    await editor.next('terminated');
    log.told();
    const output = editor.events.filter(({ event }) => event === 'output').map(({ body }) => body);
    log.asked(
      'output',
      output.map(({ category, output: text }) => ({ category, text })),
    );
    await editor.leave();

    assert.fixture(log.text, readFileSync(GOLDEN, 'utf8'));
  }));

test('a stack is paged, and a source without a copy here is read by its number', () =>
  withMembers(async ({ member }) => {
    const host = member('host', 'work');
    const file = path.join(host.folder, 'deep.js');
    writeFileSync(
      file,
      `function down(n) {
  return n === 0 ? 0 : 1 + down(n - 1);
}
function begin() {
  new (require('node:async_hooks').AsyncResource)('deep').runInAsyncScope(down, null, 150);
}
begin();
`,
    );
    const editor = await Editor.open(host);
    await editor.launchWith({ program: 'deep.js', private: true }, () =>
      editor.setLines(file, { line: 2, condition: 'n === 0' }),
    );
    await editor.stopped();
    const { body: first } = await editor.stackTraceRequest({ ...TOP, startFrame: 0, levels: 20 });
    assert.is(first.stackFrames.length, 20);
    const total = first.totalFrames ?? 0;
    assert.ok(total > 150, String(total));
    const { body: deep } = await editor.stackTraceRequest({ ...TOP, startFrame: 140, levels: 20 });
    assert.equal(
      deep.stackFrames.slice(0, 11).map(({ name }) => name),
      Array(11).fill('down'),
    );
    // What stands on Node's own code is not offered to be run again: the process would not survive it.
    const restartable = new Map(deep.stackFrames.map(({ name, canRestart }) => [name, canRestart]));
    assert.is(restartable.get('down'), true);
    assert.is(restartable.get('begin'), false);
    const { id } = deep.stackFrames[0] ?? { id: 0 };
    assert.is((await editor.locals(id)).get('n')?.value, '140');
    const internal = deep.stackFrames.find(({ source }) => (source?.sourceReference ?? 0) > 0);
    const { body: source } = await editor.sourceRequest({ sourceReference: internal?.source?.sourceReference ?? 0 });
    assert.match(source.content, /class AsyncResource/);
    await editor.terminateRequest();
    await editor.next('terminated');
    await editor.leave();
  }));

async function lines(editor: Editor): Promise<string[]> {
  const frames = await editor.stack();
  const own = frames.filter(({ presentationHint }) => presentationHint !== 'subtle');
  return own.map(({ name, source, line, column }) => `${name} ${source?.name}:${line}:${column}`);
}

const refusal = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'answered',
    (error: Error) => `refused: ${error.message}`,
  );

test.run();
