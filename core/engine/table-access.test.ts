import { afterEach, describe, expect, it } from 'vitest';
import type { RowChange } from '../commit/row-change.ts';
import { SenderError } from '../errors.ts';
import { t } from '../module/column.ts';
import { Range } from '../module/range.ts';
import { table } from '../module/table.ts';
import type { Tables } from '../module/table-view.ts';
import { Bench, tinyLimits } from './engine.testing.ts';
import type { EngineOptions } from './engine.ts';

const tables = {
  player: table(
    { public: true, indexes: [{ accessor: 'place', algorithm: 'btree', columns: ['x', 'y'] }] },
    {
      id: t.u32().primaryKey(),
      name: t.string().unique(),
      seat: t.u8().unique(),
      x: t.i32(),
      y: t.i32(),
      bag: t.array(t.string()),
    },
  ),
  tag: table({ public: true }, { of: t.u32(), text: t.string() }),
  shout: table({ event: true }, { text: t.string() }),
  ping: table({ event: true }, { id: t.u32().primaryKey().autoInc(), by: t.string().unique(), text: t.string() }),
} as const;

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function open<const S extends Tables>(of: S, options: Partial<EngineOptions> = {}): Promise<Bench<S>> {
  const bench = await Bench.open(of, options);
  closing.push(() => bench.engine.close());
  return bench;
}

const ada = { id: 1, name: 'Ada', seat: 1, x: 0, y: 0, bag: ['rope'] };
const bob = { id: 2, name: 'Bob', seat: 2, x: 0, y: 1, bag: [] };

const error = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });

/** What the function throws, as a reducer that catches would see it. */
function caught(run: () => unknown): unknown {
  try {
    run();
  } catch (thrown) {
    return thrown;
  }
  return undefined;
}

describe('rows that a reducer gets or gives', () => {
  it('[ENG-4] are copies: changing them changes nothing', async () => {
    const bench = await open(tables);
    bench.run(({ db }) => {
      const given = { ...ada, bag: ['rope'] };
      const returned = db.player.insert(given);
      given.bag.push('mine');
      returned.bag.push('yours');
      returned.x = 9;
      const found = db.player.id.find(1);
      found?.bag.push('ours');
      for (const row of db.player.iter()) row.bag.length = 0;
      for (const row of db.player.place.filter(0)) row.bag.length = 0;
      const updated = db.player.id.update({ ...ada, y: 4 });
      updated.bag.push('more');
    });
    expect(bench.read(({ db }) => [...db.player])).toEqual([{ ...ada, y: 4 }]);
    expect(bench.engine.row(0, 1)).not.toBe(bench.engine.row(0, 1));
  });

  it('[VAL-2] lose what is not declared and are refused with the place of what does not fit', async () => {
    const bench = await open(tables);
    bench.run(({ db }) => {
      expect(db.player.insert({ ...ada, cheat: true } as never)).toEqual(ada);
      expect(caught(() => db.player.insert({ ...bob, bag: ['a', 1] } as never))).toEqual(
        error('row-invalid', /^player\.bag\[1\]: expected string/),
      );
      expect(caught(() => db.player.insert(undefined as never))).toEqual(error('row-invalid', /^player: expected/));
      expect(caught(() => db.player.id.find('1' as never))).toEqual(error('args-invalid', /^id: expected u32/));
      expect(db.player.count()).toBe(1n);
    });
  });
});

describe('insert', () => {
  it('[ENG-7] refuses a second row with the same key or unique value, and the reducer may go on', async () => {
    const bench = await open(tables);
    const changes = bench.run(({ db }) => {
      db.player.insert(ada);
      expect(caught(() => db.player.insert({ ...bob, id: 1 }))).toEqual(error('unique-violation', /player.* this id/));
      expect(caught(() => db.player.insert({ ...bob, name: 'Ada' }))).toEqual(error('unique-violation', /this name/));
      expect(caught(() => db.player.insert({ ...bob, seat: 1 }))).toEqual(error('unique-violation', /this seat/));
      expect([...db.player]).toEqual([ada]);
      db.player.insert(bob);
    });
    expect(changes.map(({ key }) => key)).toEqual([1, 2]);
  });

  it('[ENG-6] of a row that is there already changes nothing in a table without a primary key', async () => {
    const bench = await open(tables, { limits: tinyLimits });
    bench.run(({ db }) => db.tag.insert({ of: 1, text: 'red' }));
    const changes = bench.run(({ db }) => {
      expect(db.tag.insert({ of: 1, text: 'red' })).toEqual({ of: 1, text: 'red' });
      expect(db.tag.count()).toBe(1n);
    });
    expect(changes).toEqual([]);
  });

  it('[ENG-13] fills an autoInc column that holds 0, keeps any other value, and never fills on update', async () => {
    const bench = await open({
      small: table({}, { id: t.i8().primaryKey().autoInc(), n: t.u32().autoInc() }),
      wide: table({}, { id: t.u128().primaryKey().autoInc() }),
    });
    bench.run(({ db }) => {
      expect(db.small.insert({ id: 0, n: 7 })).toEqual({ id: 1, n: 7 });
      expect(db.small.insert({ id: -0, n: 0 })).toEqual({ id: 2, n: 1 });
      expect(db.small.insert({ id: -5, n: 0 })).toEqual({ id: -5, n: 2 });
      expect(db.wide.insert({ id: 0n })).toEqual({ id: 1n });
      expect(db.wide.insert({ id: 1n << 100n })).toEqual({ id: 1n << 100n });
      expect(db.small.id.update({ id: 1, n: 0 })).toEqual({ id: 1, n: 0 });
      expect(caught(() => db.small.id.update({ id: 0, n: 0 }))).toEqual(error('row-missing', /key 0/));
      expect(caught(() => db.wide.insert({ id: 0 as never }))).toEqual(
        error('row-invalid', /^wide\.id: expected u128/),
      );
    });
  });

  it('takes rows whose columns are getters of a class, with and without an autoInc column', async () => {
    class Point {
      get id() {
        return 0;
      }
      get x() {
        return 5;
      }
    }
    const bench = await open({
      plain: table({}, { id: t.u32().primaryKey(), x: t.u32() }),
      counted: table({}, { id: t.u32().primaryKey().autoInc(), x: t.u32() }),
    });
    bench.run(({ db }) => {
      expect(db.plain.insert(new Point())).toEqual({ id: 0, x: 5 });
      expect(db.counted.insert(new Point())).toEqual({ id: 1, x: 5 });
    });
  });
});

describe('update', () => {
  it('[ENG-7] of a row that is not there is refused, and the reducer may go on as if it had not tried', async () => {
    const bench = await open(tables, { limits: tinyLimits });
    const changes = bench.run(({ db }) => {
      expect(caught(() => db.player.id.update(ada))).toEqual(error('row-missing', /player.*key 1.*insert it/));
      db.player.insert(bob);
      db.player.id.delete(2);
      expect(caught(() => db.player.id.update(bob))).toEqual(error('row-missing', /key 2/));
    });
    expect(changes).toEqual([]);
    expect(bench.engine.store(0).count).toBe(0);
  });

  it('[ENG-7] may not take the unique value of another row, and may keep its own', async () => {
    const bench = await open(tables);
    bench.run(({ db }) => {
      db.player.insert(ada);
      db.player.insert(bob);
      expect(caught(() => db.player.id.update({ ...ada, seat: 2 }))).toEqual(error('unique-violation', /this seat/));
      expect(db.player.id.update({ ...ada, x: 5 })).toEqual({ ...ada, x: 5 });
    });
    expect(bench.read(({ db }) => [...db.player])).toEqual([{ ...ada, x: 5 }, bob]);
  });

  it('may swap unique values by way of a third within one transaction', async () => {
    for (const limits of [undefined, tinyLimits, { cachedRowsMax: 0, dirtyRowsMax: 1 }]) {
      const bench = await open(tables, limits === undefined ? {} : { limits });
      bench.run(({ db }) => {
        db.player.insert(ada);
        db.player.insert(bob);
      });
      const changes = bench.run(({ db }) => {
        db.player.id.update({ ...ada, name: '' });
        db.player.id.update({ ...bob, name: 'Ada' });
        db.player.id.update({ ...ada, name: 'Bob' });
      });
      expect(changes.map(({ key, before, after }) => [key, before?.['name'], after?.['name']])).toEqual([
        [1, 'Ada', 'Bob'],
        [2, 'Bob', 'Ada'],
      ]);
      expect(bench.read(({ db }) => [db.player.name.find('Ada')?.id, db.player.name.find('Bob')?.id])).toEqual([2, 1]);
    }
  });
});

describe('delete', () => {
  it('takes a whole row, and only the very same', async () => {
    const bench = await open(tables);
    bench.run(({ db }) => {
      db.player.insert(ada);
      expect(db.player.delete({ ...ada, x: 1 })).toBe(false);
      expect(db.player.delete({ ...ada })).toBe(true);
      expect(db.player.delete(ada)).toBe(false);
      db.tag.insert({ of: 1, text: 'a' });
      expect(db.tag.delete({ of: 1, text: 'b' })).toBe(false);
      expect(db.tag.delete({ of: 1, text: 'a' })).toBe(true);
      expect([db.player.count(), db.tag.count()]).toEqual([0n, 0n]);
    });
  });

  it('by key, unique value or range says whether or how many', async () => {
    const bench = await open(tables);
    bench.run(({ db }) => {
      for (let id = 1; id <= 6; id++) db.player.insert({ id, name: `${id}`, seat: id, x: id % 2, y: id, bag: [] });
      expect([db.player.id.delete(1), db.player.id.delete(1)]).toEqual([true, false]);
      expect([db.player.seat.delete(2), db.player.seat.delete(2)]).toEqual([true, false]);
      expect(db.player.place.delete([0, new Range({ tag: 'included', value: 5 })])).toBe(1);
      expect(db.player.place.delete(0)).toBe(1);
      expect(db.player.place.delete(new Range<number>())).toBe(2);
      expect(db.player.count()).toBe(0n);
    });
  });
});

describe('reads', () => {
  it('see what the same reducer wrote, and the loop that reads may write', async () => {
    const bench = await open(tables, { limits: tinyLimits });
    bench.run(({ db }) => {
      for (let id = 1; id <= 9; id++) db.player.insert({ id, name: `${id}`, seat: id, x: 0, y: -id, bag: [] });
    });
    bench.run(({ db }) => {
      const seen: number[] = [];
      for (const row of db.player.iter()) {
        seen.push(row.id);
        db.player.id.delete(10 - row.id);
        if (row.id === 3) db.player.insert({ ...ada, id: 77, name: 'new', seat: 77 });
      }
      expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
      expect([...db.player].map(({ id }) => id)).toEqual([77]);
      for (const row of db.player.place.filter(0)) db.player.id.update({ ...row, x: 1 });
      expect([...db.player.place.filter(1)].map(({ id }) => id)).toEqual([77]);
      expect(db.player.count()).toBe(1n);
    });
  });

  it('of a range refuse too many values, and a Range before the last', async () => {
    const bench = await open(tables);
    bench.run(({ db }) => {
      expect(caught(() => db.player.place.filter([1, 2, 3] as never))).toEqual(
        error('args-invalid', /ctx\.db\.player\.place: expected 1 to 2 values, got 3/),
      );
      expect(caught(() => db.player.place.filter([] as never))).toEqual(error('args-invalid', /got 0/));
      expect(caught(() => db.player.place.filter([new Range<number>(), 2] as never))).toEqual(
        error('args-invalid', /only the last value may be a Range/),
      );
      expect(caught(() => db.player.place.filter(1.5))).toEqual(error('args-invalid', /x: expected i32/));
    });
  });

  it('clear() empties the table and says how many rows there were', async () => {
    const bench = await open(tables, { limits: tinyLimits });
    bench.run(({ db }) => {
      db.player.insert(ada);
      db.player.insert(bob);
    });
    const changes = bench.run(({ db }) => {
      expect(db.player.clear()).toBe(2n);
      expect([db.player.count(), db.player.clear(), [...db.player]]).toEqual([0n, 0n, []]);
      expect(db.player.name.find('Ada')).toBeNull();
      db.player.insert(bob);
    });
    expect(changes.map(({ key, after }: RowChange) => [key, after === undefined])).toEqual([[1, true]]);
  });
});

describe('an event table', () => {
  it('[ENG-14] has its rows in the write set and nowhere else', async () => {
    const bench = await open(tables);
    const changes = bench.run(({ db }) => {
      expect(db.shout.insert({ text: 'hey' })).toEqual({ text: 'hey' });
      db.shout.insert({ text: 'ho' });
      expect([db.shout.count(), [...db.shout]]).toEqual([0n, []]);
      expect(db.shout.delete({ text: 'hey' })).toBe(false);
      expect(db.shout.clear()).toBe(0n);
    });
    expect(changes.map(({ before, after }) => [before, after])).toEqual([
      [undefined, { text: 'hey' }],
      [undefined, { text: 'ho' }],
    ]);
    expect(bench.engine.rows(2)).toEqual([]);
    bench.engine.rollBack(changes);
    expect(bench.engine.apply(changes)).toEqual(changes);
    expect(bench.engine.rows(2)).toEqual([]);
  });

  it('holds its keys and unique values against those of the same call only', async () => {
    const bench = await open(tables);
    for (let call = 1; call <= 2; call++) {
      const changes = bench.run(({ db }) => {
        db.ping.insert({ id: 5, by: 'a', text: '1' });
        expect(caught(() => db.ping.insert({ id: 5, by: 'b', text: '2' }))).toEqual(
          error('unique-violation', /this id/),
        );
        expect(caught(() => db.ping.insert({ id: 6, by: 'a', text: '3' }))).toEqual(
          error('unique-violation', /this by/),
        );
        db.ping.insert({ id: 0, by: 'c', text: '4' });
      });
      expect(changes.map(({ after }) => after?.['text'])).toEqual(['1', '4']);
    }
  });

  it('keeps what was inserted when a later update is refused and caught', async () => {
    const bench = await open(tables);
    const changes = bench.run(({ db }) => {
      db.ping.insert({ id: 5, by: 'a', text: '1' });
      expect(caught(() => db.ping.id.update({ id: 5, by: 'a', text: '2' }))).toEqual(error('row-missing', /key 5/));
      expect(db.ping.id.delete(5)).toBe(false);
    });
    expect(changes.map(({ after }) => after?.['text'])).toEqual(['1']);
  });
});

describe('a table', () => {
  it('may have columns called as SQLite calls its own, and as we do', async () => {
    const bench = await open({
      odd: table(
        {},
        { _key: t.u32().name('_key'), rowid: t.string().index(), oid: t.bool(), key: t.u8().name('__KEY') },
      ),
      even: table({}, { select: t.u32().primaryKey(), from: t.string().unique(), group: t.u8().index() }),
    });
    bench.run(({ db }) => {
      db.odd.insert({ _key: 1, rowid: 'x', oid: true, key: 3 });
      db.odd.insert({ _key: 0, rowid: 'y', oid: true, key: 3 });
      db.even.insert({ select: 1, from: 'a', group: 2 });
      expect([...db.odd].map((row) => row.rowid)).toEqual(['y', 'x']);
      expect([...db.even.group.filter(2)]).toEqual([{ select: 1, from: 'a', group: 2 }]);
    });
  });

  it('has nothing to change on ctx.db', async () => {
    const bench = await open(tables);
    bench.run(({ db }) => {
      for (const object of [db, db.player, db.player.id, db.player.place]) expect(Object.isFrozen(object)).toBe(true);
    });
  });
});

describe('a reducer that throws', () => {
  it('[ENG-2] tells its caller a SenderError, and keeps any other message to itself', async () => {
    const bench = await open(tables);
    expect(
      bench.execute(({ db }) => {
        db.player.insert(ada);
        throw new SenderError('Not today.');
      }),
    ).toMatchObject({ type: 'rejected', rejection: { code: 'call-rejected', message: 'Not today.' } });
    const bug = new Error('the password is swordfish');
    const failed = bench.execute(() => {
      throw bug;
    });
    expect(failed).toMatchObject({ type: 'rejected', rejection: { code: 'reducer-threw' }, cause: bug });
    expect(JSON.stringify(failed)).not.toMatch(/swordfish/);
    expect(bench.engine.rows(0)).toEqual([]);
  });
});
