// test: alone
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { TargetId } from '#shared/ids.ts';
import type { Hit } from '#shared/model/hit.ts';
import { until } from '../../../../until.ts';
import { failure } from '../../../failure.ts';
import { type Workshop, withWorkshop } from '../workshop.ts';

const APP = `const secret = { token: 'sk_live_abcdefghijklmnop' };
function visit(user, cart) {
  const size = cart.length;
  if (size > 100) return -1;
  return size;
}
class Broken {
  get price() {
    throw new RangeError('no price');
  }
}
let n = 0;
let gap = 40;
function turn() {
  n += 1;
  visit({ id: n, name: 'Ann', password: 'hunter22' }, [n, new Broken()]);
  setTimeout(turn, gap);
}
globalThis.faster = () => { gap = 1; };
globalThis.secret = secret;
turn();
`;

/** The hits that a member gets, from now on. */
function hitsAt({ engine }: Workshop, member: number): Hit[] {
  const got: Hit[] = [];
  engine(member).events.on('hits', ({ hits }) => got.push(...hits));
  return got;
}

/** Runs the program and waits until its functions are there. */
async function running(workshop: Workshop, app: string): Promise<TargetId> {
  workshop.write({ 'app.js': app });
  const { id } = await workshop.run('app.js');
  const { scripts } = workshop.engine(1).hosted(id).session;
  await until(() => [...scripts.scripts].some(({ url }) => url.endsWith('app.js')), 'its script');
  await until(async () => {
    const { result } = await workshop.call(1, 'inspect.evaluate', { expression: 'typeof n' });
    return result.value !== '';
  }, 'its first turn');
  return id;
}

async function stateOf({ call }: Workshop, id: string) {
  const { breakpoints } = await call(1, 'breakpoint.list', {});
  return breakpoints.find((view) => view.id === id)?.statuses[0];
}

test('a logpoint that never ends is taken out and silences no other', () =>
  withWorkshop(async (workshop) => {
    const { call, next } = workshop;
    await running(workshop, APP);
    const hits = hitsAt(workshop, 1);
    const refused = next(1, 'breakpoints', ({ view }) => view?.statuses[0]?.state === 'refused');
    await call(1, 'breakpoint.add', { location: 'app.js:4', log: 'never {(() => { while (true); })()}' });
    assert.match((await refused).view?.statuses[0]?.reason ?? '', 'ran longer than 100 ms');
    await call(1, 'breakpoint.add', { location: 'app.js:5', log: 'size {size}' });
    await until(() => hits.some(({ text }) => text === 'size 2'), 'the hits of another');
  }));

test('a logpoint writes what its expressions give, and the program never stops', () =>
  withWorkshop(async (workshop) => {
    const { call, engine } = workshop;
    await running(workshop, APP);
    const hits = hitsAt(workshop, 1);
    let pauses = 0;
    engine(1).events.on('pauses', ({ pause }) => {
      if (pause !== null) pauses += 1;
    });
    const log = 'user {user.id} \\{{user.name}\\} has {cart.length}, {cart[1].price}, {nobody.at}';
    const view = await call(1, 'breakpoint.add', { location: 'app.js:3', log });
    assert.is(view.kind, 'log');
    assert.is(view.statuses[0]?.state, 'armed');
    await until(() => hits.length >= 2, 'two hits');
    const [first, second] = hits as [Hit, Hit];
    assert.match(first.text, /^user \d+ \{Ann\} has 2, <threw RangeError: no price>, <threw ReferenceError: nobody is/);
    assert.is(first.values[0]?.name, 'user.id');
    assert.is(first.line, 3);
    assert.is(first.file?.path, 'app.js');
    assert.is(first.kind, 'log');
    assert.ok(first.asyncId > 0);
    assert.is(second.sequence, first.sequence + 1);
    assert.ok(second.time > first.time);
    assert.is(pauses, 0);
    const { hits: kept } = await call(1, 'hits.read', {});
    assert.is(kept[0]?.sequence, first.sequence);
    assert.ok(((await stateOf(workshop, view.id))?.hits ?? 0) >= 2);
    await call(1, 'breakpoint.remove', { breakpoint: view.id });
    const count = hits.length;
    await until(async () => (await call(1, 'inspect.evaluate', { expression: 'n' })).result.value !== '', 'a turn');
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(hits.length <= count + 3, 'it went on after it was removed');
  }));

test('a logpoint on the first statement there is in a script, a function that is called again, tells each call once', () =>
  withWorkshop(async (workshop) => {
    const hits = hitsAt(workshop, 1);
    await workshop.call(1, 'breakpoint.add', { location: 'app.js:2', log: 'job {x}' });
    workshop.write({
      'app.js': `function job(x) {\n  return x;\n}\njob(1);\nsetTimeout(() => job(2), 1);\nsetTimeout(() => job(3), 100);\nsetInterval(() => undefined, 1000);\n`,
    });
    await workshop.run('app.js');
    await until(() => hits.some(({ text }) => text === 'job 3'), 'the last call');
    assert.equal(
      hits.map(({ text }) => text),
      ['job 1', 'job 2', 'job 3'],
    );
  }));

test('a logpoint that is hit often becomes code in the script, and goes without a trace', () =>
  withWorkshop(async (workshop) => {
    const { call, engine } = workshop;
    const id = await running(workshop, APP);
    const hits = hitsAt(workshop, 1);
    const { cdp } = engine(1).hosted(id).session;
    const session = (cdp as unknown as { running: typeof cdp }).running;
    const scriptId =
      [...engine(1).hosted(id).session.scripts.scripts].find(({ url }) => url.endsWith('app.js'))?.scriptId ?? '';
    const source = async () => (await session.send('Debugger.getScriptSource', { scriptId })).scriptSource;
    assert.is(await source(), APP);
    const view = await call(1, 'breakpoint.add', { location: 'app.js:4', log: '{user.id}: {size}' });
    await until(() => hits.length > 0, 'a hit');
    assert.is(await source(), APP);
    await call(1, 'inspect.evaluate', { expression: 'faster()' });
    await until(async () => (await source()) !== APP, 'its code in the script');
    assert.is((await source()).split('\n').length, APP.split('\n').length);
    assert.is((await cdp.send('Debugger.getScriptSource', { scriptId })).scriptSource, APP);
    const before = hits.length;
    await until(() => hits.length > before + 5, 'hits of its code');
    assert.match(hits.at(-1)?.text ?? '', /^\d+: 2$/);
    assert.is((await stateOf(workshop, view.id))?.state, 'armed');
    await call(1, 'breakpoint.remove', { breakpoint: view.id });
    await until(async () => (await source()) === APP, 'the script as it was');
  }));

test('a tracepoint records arguments, expressions, result and time, also of calls that throw', () =>
  withWorkshop(async (workshop) => {
    const { write, run, call } = workshop;
    write({
      'app.js': `let n = 0;
function price(item, { count }, ...more) {
  const sum = item.price * count;
  if (sum > 50) throw new RangeError('too dear');
  return sum;
}
const twice = (x) => x * 2;
async function later(x) {
  await null;
  return x + 1;
}
setInterval(() => {
  n += 1;
  try {
    price({ price: 10 }, { count: n % 8 }, 1, 2);
  } catch {}
  twice(n);
  later(n);
}, 20);
`,
    });
    await run('app.js');
    const hits = hitsAt(workshop, 1);
    const add = (name: string, capture: string[]) => call(1, 'breakpoint.add', { function: name, capture });
    const views = [await add('price', ['item.price * 2', 'n']), await add('twice', []), await add('later', [])];
    const ofPrice = () => hits.filter(({ breakpoint }) => breakpoint === views[0]?.id);
    await until(() => ofPrice().some(({ threw }) => threw !== undefined), 'a call that threw');
    await until(() => ofPrice().some(({ returned }) => returned !== undefined), 'a call that returned');
    await until(() => views.every(({ id }) => hits.some(({ breakpoint }) => breakpoint === id)), 'one of each');
    const [price, twice, later] = views.map(({ id }) => hits.filter(({ breakpoint }) => breakpoint === id));
    const returned = price?.find((hit) => hit.returned !== undefined);
    assert.equal(
      returned?.values.map(({ name }) => name),
      ['item', 'count', 'more', 'item.price * 2', 'n'],
    );
    assert.is(returned?.values[3]?.value, '20');
    assert.is(returned?.values[2]?.value, '[1, 2]');
    assert.is(returned?.returned, String(Number(returned?.values[1]?.value) * 10));
    assert.ok((returned?.durationMs ?? -1) >= 0);
    assert.match(price?.find(({ threw }) => threw !== undefined)?.threw ?? '', /RangeError: too dear/);
    assert.is(Number(twice?.[0]?.returned), Number(twice?.[0]?.values[0]?.value) * 2);
    assert.is(Number(later?.[0]?.returned), Number(later?.[0]?.values[0]?.value) + 1);
  }));

test('a script that V8 would break is left as it is', () =>
  withWorkshop(async (workshop) => {
    const { call } = workshop;
    const maker = 'function make() {\n  class Item { price = 1; }\n  return new Item();\n}\n';
    await running(workshop, `${maker}${APP.replace('  n += 1;', '  n += make().price;')}`);
    const hits = hitsAt(workshop, 1);
    const traced = await call(1, 'breakpoint.add', { function: 'visit', kind: 'trace' });
    assert.is(traced.statuses[0]?.state, 'refused');
    assert.match(traced.statuses[0]?.reason ?? '', 'a class with fields and no constructor');
    await call(1, 'breakpoint.remove', { breakpoint: traced.id });
    await call(1, 'breakpoint.add', { location: 'app.js:9', log: '{user.id}' });
    await until(() => hits.length > 2, 'it runs on');
  }));

test('a line too long for V8 to compare is left as it is, and its functions go on to stop', () =>
  withWorkshop(async (workshop) => {
    const { call } = workshop;
    await running(workshop, `/*${' '.repeat(800)}*/ ${APP.replaceAll('\n', ' ')}`);
    const hits = hitsAt(workshop, 1);
    const traced = await call(1, 'breakpoint.add', { function: 'visit', kind: 'trace' });
    assert.is(traced.statuses[0]?.state, 'refused');
    assert.match(traced.statuses[0]?.reason ?? '', 'a line of 800 characters or more');
    await call(1, 'breakpoint.remove', { breakpoint: traced.id });
    await call(1, 'breakpoint.add', { function: 'visit', log: '{user.id}' });
    await until(() => hits.length > 2, 'it is still told of');
  }));

test('a line becomes too long by what several probes add to it: the last one is refused', () =>
  withWorkshop(async (workshop) => {
    const { call } = workshop;
    const add = 'function add(a, b) { return a + b; } ';
    const other = 'function other(a, b) { return a - b; } ';
    const rest = 'setInterval(() => { add(1, 2); other(2, 1); }, 20);';
    await running(workshop, `/*${' '.repeat(500)}*/ ${add}${other}${rest}\n`);
    const hits = hitsAt(workshop, 1);
    const first = await call(1, 'breakpoint.add', { function: 'add', kind: 'trace' });
    const second = await call(1, 'breakpoint.add', { function: 'other', kind: 'trace' });
    await until(async () => (await stateOf(workshop, second.id))?.state === 'refused', 'it is refused');
    assert.is((await stateOf(workshop, first.id))?.state, 'armed');
    hits.length = 0;
    await until(() => hits.filter(({ breakpoint }) => breakpoint === first.id).length > 2, 'the first goes on');
  }));

test('what may not end, and what nothing keeps, is not injected', () =>
  withWorkshop(async (workshop) => {
    const { call } = workshop;
    await running(workshop, APP);
    const hits = hitsAt(workshop, 1);
    await call(1, 'inspect.evaluate', { expression: 'faster()' });
    const capturing = await call(1, 'breakpoint.add', {
      location: 'app.js:3',
      log: '{cart.some((one) => one === user)}',
    });
    await until(async () => (await stateOf(workshop, capturing.id))?.state === 'refused', 'it is taken out');
    assert.match(
      (await stateOf(workshop, capturing.id))?.reason ?? '',
      /Taken out: hit more than 50 .*uses variables of the program/,
    );
    await call(1, 'breakpoint.remove', { breakpoint: capturing.id });
    const lost = await call(1, 'breakpoint.add', { function: 'visit', capture: ['secret', 'user.name'] });
    await until(() => hits.some(({ breakpoint }) => breakpoint === lost.id), 'a hit');
    const hit = hits.find(({ breakpoint }) => breakpoint === lost.id);
    assert.is(hit?.values.find(({ name }) => name === 'secret')?.value, '<not kept by the program>');
    assert.is(hit?.values.find(({ name }) => name === 'user.name')?.value, '"Ann"');
    const problem = await failure(() => call(1, 'breakpoint.add', { location: 'app.js:3', log: 'x {1; 2}' }));
    assert.is(problem.code, 'BAD_ARGUMENT');
  }));

test.run();
