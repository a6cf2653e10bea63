import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Workshop, withWorkshop } from '../workshop.ts';

const FILES = { 'app.js': 'let a = 1;\na += 1;\na += 2;\na += 3;\n' };

async function lines({ engine }: Workshop, member = 1): Promise<(string | number)[]> {
  return engine(member)
    .breakpoints()
    .flatMap(({ where, enabled }) => (where.kind === 'line' ? [enabled ? where.line : `${where.line} off`] : []))
    .sort();
}

test('undo takes one’s own edits back, last first, and redo makes them again', () =>
  withWorkshop(async (workshop) => {
    const { write, call } = workshop;
    write(FILES);
    const { id } = await call(1, 'breakpoint.add', { location: 'app.js:2' });
    await call(1, 'breakpoint.add', { location: 'app.js:3' });
    await call(1, 'breakpoint.enable', { breakpoint: id, enabled: false });
    await call(1, 'breakpoint.remove', { breakpoint: id });
    const seen: (string | number)[][] = [];
    const step = async (redo: boolean): Promise<string | undefined> => {
      const { undone } = await call(1, 'breakpoint.undo', { redo });
      seen.push(await lines(workshop));
      return undone?.change;
    };
    assert.equal(
      [await step(false), await step(false), await step(false), await step(false), await step(false)],
      ['set', 'changed', 'removed', 'removed', undefined],
    );
    assert.equal(seen.splice(0), [['2 off', 3], [2, 3], [2], [], []]);
    assert.equal([await step(true), await step(true), await step(true)], ['set', 'set', 'changed']);
    assert.equal(seen, [[2], [2, 3], ['2 off', 3]]);
    await call(1, 'breakpoint.add', { location: 'app.js:4' });
    assert.is(await step(true), undefined);
  }));

test('nobody’s edits but one’s own are taken back, and what another has changed since is left alone', () =>
  withWorkshop(async (workshop) => {
    const { write, call, next } = workshop;
    write(FILES);
    const first = await call(2, 'breakpoint.add', { location: 'app.js:2' });
    const second = await call(2, 'breakpoint.add', { location: 'app.js:3' });
    await call(1, 'breakpoint.add', { location: 'app.js:4' });
    const changed = next(2, 'breakpoints', ({ view }) => view?.enabled === false);
    await call(1, 'breakpoint.enable', { breakpoint: second.id, enabled: false });
    await changed;
    const { undone } = await call(2, 'breakpoint.undo', {});
    assert.equal([undone?.breakpoint, undone?.change, undone?.passedOver], [first.id, 'removed', 1]);
    assert.equal(await lines(workshop, 2), ['3 off', 4]);
    assert.is((await call(2, 'breakpoint.undo', {})).undone, null);
    assert.is((await call(3, 'breakpoint.undo', {})).undone, null);
  }));

test('a record that another wrote again is theirs, even word for word', () =>
  withWorkshop(async (workshop) => {
    const { write, call, engine, next } = workshop;
    write(FILES);
    const { id } = await call(2, 'breakpoint.add', { location: 'app.js:2' });
    for (const enabled of [false, true]) await call(1, 'breakpoint.enable', { breakpoint: id, enabled });
    while (engine(2).breakpoint(id)?.writtenBy !== 1) await next(2, 'breakpoints');
    assert.is((await call(2, 'breakpoint.undo', {})).undone, null);
    assert.equal(await lines(workshop, 2), [2]);
  }));

test('a breakpoint brought back by undo is its restorer’s: a condition runs under who restored it', () =>
  withWorkshop(async ({ write, call, engine, next }) => {
    write(FILES);
    const { id } = await call(2, 'breakpoint.add', { location: 'app.js:2', condition: 'a > 1' });
    if (engine(3).breakpoint(id) === undefined) await next(3, 'breakpoints');
    await call(3, 'breakpoint.remove', { breakpoint: id });
    await call(3, 'breakpoint.undo', {});
    const view = engine(3).breakpoint(id);
    assert.equal([view?.author, view?.writtenBy, view?.condition], [2, 3, 'a > 1']);
  }));

test.run();
