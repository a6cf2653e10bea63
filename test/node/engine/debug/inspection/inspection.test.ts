import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Variable } from '#shared/model/pause.ts';
import { failure } from '../../../failure.ts';
import { withWorkshop } from '../workshop.ts';

const ROOM = `let traps = 0;
class Cart {
  #secretTotal = 7;
  items = ['tea', 'cup'];
  get total() {
    traps += 1;
    return 1;
  }
}
function look() {
  const huge = 'x'.repeat(50_000_000);
  const many = Array.from({ length: 1_000_000 }, (_, i) => i);
  const map = new Map(many.map((i) => [i, { i }]));
  const proxy = new Proxy({ a: 1 }, { ownKeys() { traps += 1; return []; }, get() { traps += 1; } });
  const lazy = { get boom() { traps += 1; throw new Error('boom'); } };
  const cart = new Cart();
  const password = 'hunter2hunter2';
  let count = 1;
  debugger;
  return [huge, many, map, proxy, lazy, cart, password, count];
}
setTimeout(look, 1);
setInterval(() => undefined, 1000);
`;

function named(variables: readonly Variable[], name: string): Variable {
  const found = variables.find((variable) => variable.name === name);
  if (found === undefined) throw new Error(`no variable ${name} in ${variables.map((each) => each.name)}`);
  return found;
}

test('scopes of huge and hostile values come fast and bounded, and run none of the program', () =>
  withWorkshop(async ({ write, run, call, nextPause, consented }) => {
    write({ 'app.js': ROOM });
    consented.add(3);
    const first = nextPause(2);
    await run('app.js');
    await first;
    const began = performance.now();
    const { scopes } = await call(2, 'inspect.scopes', {});
    assert.ok(performance.now() - began < 2000);
    const local = scopes[0];
    assert.is(local?.type, 'local');
    const variables = local?.variables ?? [];
    assert.ok(variables.every(({ value }) => value.length <= 1000));
    assert.match(named(variables, 'huge').value, /^"x+/);
    assert.is(named(variables, 'many').size, 1_000_000);
    assert.is(named(variables, 'proxy').value, 'Proxy {…}');
    assert.is(named(variables, 'lazy').value, '{boom: (getter)}');
    assert.not.match(named(variables, 'password').value, 'hunter2');
    assert.match(named((await call(3, 'inspect.scopes', {})).scopes[0]?.variables ?? [], 'password').value, 'hunter2');

    const open = (handle: string | undefined, start?: number, count?: number) =>
      call(2, 'inspect.variables', {
        handle: handle ?? '',
        ...(start === undefined ? {} : { start }),
        ...(count === undefined ? {} : { count }),
      });
    const page = await open(named(variables, 'many').handle, 999_998, 10);
    assert.equal(
      page.variables.map(({ name, value }) => `${name}=${value}`),
      ['999998=999998', '999999=999999'],
    );
    assert.is(page.total, 1_000_000);
    const entries = await open(named(variables, 'map').handle, 500_000, 2);
    assert.is(entries.variables[0]?.value, '{500000 => {i: 500000}}');
    const cart = await open(named(variables, 'cart').handle);
    assert.is(named(cart.variables, '#secretTotal').value, '7');
    assert.is(named(cart.variables, 'items').value, '["tea", "cup"]');
    const target = await open(named(variables, 'proxy').handle);
    assert.is(named(target.variables, '[[Target]]').value, '{a: 1}');
    assert.is((await call(1, 'inspect.evaluate', { expression: 'traps' })).result.value, '0');
  }));

test('evaluation sees the frame, tells a throw from a value, and is stopped when it never ends', () =>
  withWorkshop(async ({ write, run, call, nextPause }) => {
    write({ 'app.js': ROOM });
    const first = nextPause();
    await run('app.js');
    await first;
    const evaluate = (expression: string, timeoutMs?: number) =>
      call(1, 'inspect.evaluate', timeoutMs === undefined ? { expression } : { expression, timeoutMs });
    assert.is((await evaluate('count + 1')).result.value, '2');
    assert.is((await evaluate('let x = count; x + 41')).result.value, '42');
    const threw = await evaluate('nowhere.at.all');
    assert.is(threw.threw, true);
    assert.is(threw.result.value, 'ReferenceError: nowhere is not defined');
    assert.is((await evaluate('1 +')).threw, true);
    const big = await evaluate('"y".repeat(50_000_000)');
    assert.ok(big.result.value.length <= 1000);
    assert.is((await failure(() => evaluate('while (true) {}', 100))).code, 'TIMEOUT');
    assert.is((await evaluate('count')).result.value, '1');
  }));

test('a variable is set in its scope, a path by assignment, and an unknown name is refused', () =>
  withWorkshop(async ({ write, run, call, nextPause }) => {
    write({ 'app.js': ROOM });
    const first = nextPause();
    await run('app.js');
    await first;
    assert.is((await call(1, 'inspect.set', { name: 'count', expression: '40 + 2' })).result.value, '42');
    assert.is((await call(1, 'inspect.evaluate', { expression: 'count' })).result.value, '42');
    await call(1, 'inspect.set', { name: 'cart.items[0]', expression: '"coffee"' });
    assert.is((await call(1, 'inspect.evaluate', { expression: 'cart.items' })).result.value, '["coffee", "cup"]');
    const unknown = await failure(() => call(1, 'inspect.set', { name: 'nowhere', expression: '1' }));
    assert.is(unknown.code, 'BAD_ARGUMENT');
  }));

const NESTED = `let outside = 1;
function look(given) {
  let kept = 1;
  const inner = () => kept;
  {
    const given = 'block';
    debugger;
    const late = inner();
    return [given, late, outside];
  }
}
setTimeout(look, 1, 'argument');
setInterval(() => undefined, 1000);
`;

test('what was set since the program stopped is what everybody sees of its scopes', () =>
  withWorkshop(
    async ({ write, run, call, nextPause }) => {
      write({ 'app.js': NESTED });
      const first = nextPause();
      await run('app.js');
      await first;
      const shown = async () => {
        const { scopes } = await call(2, 'inspect.scopes', {});
        const texts = scopes.map(({ type, variables }) => [
          type,
          variables.map(({ name, value }) => `${name}=${value}`),
        ]);
        const { block, local, closure } = Object.fromEntries(texts) as Record<string, string[]>;
        return { block, local: local?.filter((text) => !text.startsWith('inner=')), outside: closure ?? [] };
      };
      const before = await shown();
      // From Node 22 on V8 tells a variable before its declaration from one that holds undefined.
      assert.match(String(before.block), /^given="block",late=(?:undefined|<unavailable>)$/);
      assert.equal(before.local, ['given="argument"', 'kept=1']);
      const { scopes } = await call(2, 'inspect.scopes', {});
      const handle = scopes.find(({ type }) => type === 'local')?.handle ?? '';

      await call(1, 'inspect.evaluate', { expression: 'kept = 5' });
      await call(1, 'inspect.set', { name: 'kept', expression: 'kept + 1' });
      const after = await shown();
      // The argument cannot be read where the block's variable of that name is nearer.
      assert.equal(after, { ...before, local: ['given="argument"', 'kept=6'] });
      const { variables } = await call(2, 'inspect.variables', { handle });
      assert.is(named(variables, 'kept').value, '6');
      assert.is((await call(2, 'inspect.lookup', { path: 'kept' })).result?.value, '6');
      await call(1, 'inspect.evaluate', { expression: 'kept = { cups: 2 }' });
      assert.is((await call(2, 'inspect.lookup', { path: 'kept.cups' })).result?.value, '2');
      const { names } = await call(2, 'inspect.completions', { text: 'kept.' });
      assert.equal(
        names.slice(0, 1).map(({ name }) => name),
        ['cups'],
      );
      await call(1, 'inspect.set', { name: 'kept', expression: '6' });
      assert.is((await call(1, 'inspect.evaluate', { expression: 'inner()' })).result.value, '6');
    },
    { roles: ['owner', 'viewer'] },
  ));

const ALIKE = `const list = { outer: 1 };
globalThis.made = [];
globalThis.make = () => made[made.push({ n: 0 }) - 1];
function look() {
  const outside = list;
  const marked = { [Symbol('mark')]: 1, frozen: Object.freeze({ f: 1 }), get lazy() { return 1; } };
  const holes = [1, , 3];
  const prices = new Map([['tea', 3]]);
  const counter = new (class { #n = 1; read() { return this.#n; } })();
  {
    const list = { inner: 1 };
    debugger;
    return [list, outside, marked, holes, prices, counter];
  }
}
globalThis.shared = 1;
setTimeout(look, 1);
setInterval(() => undefined, 1000);
`;

test('what is set in an object is set in that one, whatever the way to it leads to by now', () =>
  withWorkshop(async ({ write, run, call, nextPause }) => {
    write({ 'app.js': ALIKE });
    const first = nextPause();
    await run('app.js');
    await first;
    const evaluated = async (expression: string) => (await call(1, 'inspect.evaluate', { expression })).result;
    const set = async (within: string | undefined, name: string) =>
      (await call(1, 'inspect.set', { within: within ?? '', name, expression: '5' })).result.value;
    const { scopes } = await call(1, 'inspect.scopes', {});
    const lists = scopes.flatMap(({ variables }) => variables.filter(({ name }) => name === 'list'));
    // The outer one's name means the inner one where the program stands.
    assert.equal(
      lists.map(({ value, path }) => [value, path]),
      [
        ['{inner: 1}', 'list'],
        ['{outer: 1}', undefined],
      ],
    );
    assert.is(await set(lists[1]?.handle, 'outer'), '5');
    assert.is((await evaluated('list')).value, '{inner: 1}');
    const outer = await call(1, 'inspect.variables', { handle: lists[1]?.handle ?? '' });
    assert.is(named(outer.variables, 'outer').value, '5');

    // What made it is not run once more.
    assert.is(await set((await evaluated('make()')).handle, 'n'), '5');
    assert.is((await evaluated('made')).value, '[{n: 5}]');

    const globally = scopes.find(({ type }) => type === 'global');
    assert.is(await set(globally?.handle, 'shared'), '5');
    assert.is((await call(1, 'inspect.set', { name: 'shared', expression: 'shared + 1' })).result.value, '6');
    assert.is((await evaluated('globalThis.shared')).value, '6');
    assert.is(
      (await evaluated('Object.getOwnPropertyNames(globalThis).filter((name) => /sandmesh/.test(name))')).value,
      '[]',
    );
  }));

test('what is not set is said not to be, and leaves nothing behind', () =>
  withWorkshop(async ({ write, run, call, nextPause }) => {
    write({ 'app.js': ALIKE });
    const first = nextPause();
    await run('app.js');
    await first;
    const evaluated = async (expression: string) => (await call(1, 'inspect.evaluate', { expression })).result;
    const refusal = async (object: string, name: string) => {
      const { handle = '' } = await evaluated(object);
      return failure(() => call(1, 'inspect.set', { within: handle, name, expression: '5' }));
    };
    for (const [object, name] of [
      ['marked', '[Symbol(mark)]'],
      ['counter', '#n'],
      ['prices', '0'],
      ['holes', '3'],
    ] as const) {
      const { code, message } = await refusal(object, name);
      assert.equal([code, message], ['BAD_ARGUMENT', `Cannot set "${name}": no plain expression names it`]);
    }
    for (const [object, name] of [
      ['marked.frozen', 'f'],
      ['marked', 'lazy'],
    ] as const) {
      const { code, message } = await refusal(object, name);
      assert.is(code, 'EVALUATION_FAILED');
      assert.match(message, new RegExp(`^Cannot set "${name}": TypeError: Cannot`));
    }
    assert.is(
      (await failure(() => call(1, 'inspect.set', { name: 'marked.lazy', expression: '5' }))).code,
      'EVALUATION_FAILED',
    );
    assert.is(
      (await evaluated('[Object.keys(marked), Object.keys(counter), Object.keys(prices)].join("; ")')).value,
      '"frozen,lazy; ; "',
    );
    // A hole is a place of its own.
    const { handle = '', value } = await evaluated('holes');
    assert.is(value, '[1, <empty>, 3]');
    await call(1, 'inspect.set', { within: handle, name: '1', expression: '2' });
    assert.is((await evaluated('holes')).value, '[1, 2, 3]');
  }));

const SECRETS = `function look() {
  const word = 'hunter2' + 'hunter2';
  const logins = new Map([['password', word], ['name', 'tea']]);
  const password = [word];
  const boxed = { password: Promise.resolve(word) };
  debugger;
  return [logins, password, boxed];
}
setTimeout(look, 1);
setInterval(() => undefined, 1000);
`;

test('what is masked where it is listed is masked where it is opened, looked up or copied', () =>
  withWorkshop(
    async ({ write, run, call, nextPause }) => {
      write({ 'app.js': SECRETS });
      const first = nextPause(2);
      await run('app.js');
      await first;
      const seen: string[] = [];
      const open = async (handle = '', start = 0) => {
        const { variables } = await call(2, 'inspect.variables', { handle, start });
        seen.push(...variables.map(({ name, value }) => `${name}=${value}`));
        return variables;
      };
      const variables = (await call(2, 'inspect.scopes', {})).scopes[0]?.variables ?? [];
      const logins = named(variables, 'logins');
      const entry = named(await open(logins.handle), '0');
      assert.is(named(await open(entry.handle), 'value').value, '•••• (masked)');
      // The value alone, without its key.
      assert.is((await open(entry.handle, 1)).length, 1);
      const list = named(variables, 'password');
      await open(list.handle);
      const held = named(await open(named(variables, 'boxed').handle), 'password');
      assert.is(named(await open(held.handle), '[[PromiseResult]]').value, '•••• (masked)');
      const element = await call(2, 'inspect.lookup', { path: 'password[0]' });
      assert.is(element.result?.value, '•••• (masked)');
      for (const { handle = '' } of [logins, entry, list]) seen.push((await call(2, 'inspect.copy', { handle })).text);
      assert.not.match(seen.join('\n'), 'hunter2');
      assert.match(seen.join('\n'), 'tea');
    },
    { roles: ['owner', 'viewer'] },
  ));

test('a handle dies when the program moves on, and a member without the right cannot evaluate', () =>
  withWorkshop(
    async ({ write, run, call, nextPause }) => {
      write({ 'app.js': ROOM });
      const first = nextPause();
      await run('app.js');
      await first;
      const { scopes } = await call(2, 'inspect.scopes', {});
      const handle = named(scopes[0]?.variables ?? [], 'cart').handle ?? '';
      assert.is((await failure(() => call(3, 'inspect.variables', { handle }))).code, 'HANDLE_STALE');
      assert.is((await failure(() => call(2, 'inspect.evaluate', { expression: '1' }))).code, 'FORBIDDEN');
      await call(1, 'execution.step', { kind: 'over' });
      assert.is((await failure(() => call(2, 'inspect.variables', { handle }))).code, 'HANDLE_STALE');
      await call(1, 'execution.resume', {});
      assert.is((await failure(() => call(2, 'inspect.scopes', {}))).code, 'NOT_PAUSED');
      const running = await call(1, 'inspect.evaluate', { expression: 'await Promise.resolve(typeof process)' });
      assert.is(running.result.value, '"object"');
    },
    { roles: ['owner', 'viewer', 'debugger'] },
  ));

test.run();
