import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { t } from '../module/column.ts';
import { defineModule } from '../module/module.ts';
import { schema } from '../module/schema.ts';
import { table } from '../module/table.ts';
import { Database } from './database.ts';
import { rowShape } from './row-shape.ts';
import { type StoreLimits, TableStore } from './table-store.ts';

const definition = defineModule({
  default: schema({
    fixed: table({}, { id: t.u32().primaryKey(), n: t.u32() }),
    varying: table({}, { id: t.string().primaryKey(), n: t.u32() }),
  }),
});

let database: Database;
beforeEach(async () => {
  database = await Database.open();
});
afterEach(() => {
  vi.restoreAllMocks();
  database.close();
});

describe.each([0, 1])('a store of table %i', (tableId) => {
  const key = (n: number) => (tableId === 0 ? n : `key ${n}`);
  const row = (n: number) => ({ id: key(n), n });
  const open = (limits?: StoreLimits) => {
    const definitionOf = definition.tables[tableId];
    if (definitionOf === undefined) throw new Error('there are two tables');
    return new TableStore(database, rowShape(definitionOf), limits);
  };
  const stored = (store: TableStore) =>
    Number(database.prepare(`SELECT count(*) FROM ${store.shape.table.name}`).get([])?.[0]);

  it('[ENG-10] writes behind: SQLite has the rows once they are flushed', () => {
    const store = open();
    for (let n = 0; n < 100; n++) store.write(key(n), row(n));
    expect(stored(store)).toBe(0);
    store.flush();
    expect(stored(store)).toBe(100);
    store.write(key(5), undefined);
    expect([store.count, stored(store)]).toEqual([99, 100]);
    expect(store.select('WHERE n < ? ORDER BY n', [7])).toEqual([0, 1, 2, 3, 4, 6].map(row));
    expect([store.count, stored(store)]).toEqual([99, 99]);
  });

  it('flushes at the bound of changed rows, and keeps no more rows than the bound of cached ones, read or written', () => {
    const store = open({ cachedRowsMax: 2, dirtyRowsMax: 10 });
    for (let n = 0; n < 9; n++) store.write(key(n), row(n));
    expect(stored(store)).toBe(0);
    store.write(key(9), row(9));
    expect(stored(store)).toBe(10);
    const get = vi.spyOn(database.prepare(`SELECT "id", "n" FROM "${store.shape.table.name}" WHERE "id" = ?`), 'get');
    for (let round = 0; round < 2; round++) for (let n = 0; n < 10; n++) expect(store.read(key(n))).toEqual(row(n));
    expect(get.mock.calls.length).toBeGreaterThan(15);
    for (let n = 0; n < 12; n++) expect(store.readCopy(key(n))).toEqual(n < 10 ? row(n) : undefined);
  });

  it('gives rows that are loaded past the cache, also under keys which it knew to be absent or had deleted', () => {
    const store = open({ cachedRowsMax: 4, dirtyRowsMax: 100 });
    for (let n = 0; n < 9; n++) store.write(key(n), row(n));
    store.flush();
    for (let n = 0; n < 9; n++) store.write(key(n), undefined);
    expect([store.read(key(3)), store.read(key(20)), store.count]).toEqual([undefined, undefined, 0]);
    store.load([3, 4, 20].map(row));
    expect([3, 4, 5, 20].map((n) => store.read(key(n)))).toEqual([row(3), row(4), undefined, row(20)]);
    store.flush();
    expect([store.count, stored(store)]).toEqual([3, 3]);
    expect(store.select('ORDER BY n', [])).toEqual([3, 4, 20].map(row));
  });

  it('still has to write what SQLite refused', () => {
    const store = open({ cachedRowsMax: 1, dirtyRowsMax: 1_000 });
    for (let n = 0; n < 40; n++) store.write(key(n), row(n));
    store.flush();
    store.write(key(0), undefined);
    for (let n = 30; n < 80; n++) store.write(key(n), { ...row(n), n: n + 1 });
    const run = vi.spyOn(Object.getPrototypeOf(database.prepare('SELECT 1')), 'run');
    run
      .mockImplementationOnce(() => {})
      .mockImplementationOnce(() => {
        throw new Error('out of memory');
      });
    expect(() => store.flush()).toThrow('out of memory');
    run.mockRestore();
    // What it looks up meanwhile may not push out what is still to be written.
    for (let n = 5_000; n < 5_010; n++) expect(store.read(key(n))).toBeUndefined();
    expect([store.read(key(0)), store.read(key(79))]).toEqual([undefined, { ...row(79), n: 80 }]);
    store.flush();
    expect(stored(store)).toBe(79);
    expect(store.select('WHERE n > 78 ORDER BY n', [])).toEqual([78, 79].map((n) => ({ ...row(n), n: n + 1 })));
  });

  it('pages through its rows by key, whatever changes meanwhile', () => {
    const store = open();
    for (let n = 0; n < 30; n += 2) store.write(key(n), row(n));
    const pages: unknown[][] = [];
    let last: ReturnType<typeof key> | undefined;
    for (;;) {
      const page = store.page(last, 4);
      if (page.length === 0) break;
      pages.push(page);
      last = page.at(-1)?.['id'] as string;
      store.write(last, undefined);
    }
    expect(pages.map((page) => page.length)).toEqual([4, 4, 4, 3]);
    expect(pages.flat()).toHaveLength(15);
  });

  it('starts over when it is reset', () => {
    const store = open({ cachedRowsMax: 1, dirtyRowsMax: 3 });
    for (let n = 0; n < 10; n++) store.write(key(n), row(n));
    store.reset();
    expect([store.count, stored(store), store.read(key(1))]).toEqual([0, 0, undefined]);
    store.write(key(1), row(1));
    store.flush();
    expect([store.count, stored(store), store.read(key(1))]).toEqual([1, 1, row(1)]);
  });
});
