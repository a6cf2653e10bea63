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
      assert.equal(before.block, ['given="block"', 'late=undefined']);
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
      assert.is((await call(1, 'inspect.evaluate', { expression: 'inner()' })).result.value, '6');
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
