import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import type { Authority } from '../core/authority/authority.ts';
import type { CallId, ClientId } from '../core/commit/call.ts';
import { t } from '../core/module/column.ts';
import type { ModuleDefinition } from '../core/module/definition.ts';
import { defineModule } from '../core/module/module.ts';
import { schema } from '../core/module/schema.ts';
import { table } from '../core/module/table.ts';
import { Identity } from '../core/value/identity.ts';
import { printedDiagnostics } from './diagnostics.ts';
import { openDatabase } from './database.ts';
import { nodeEnvironment } from './environment.ts';
import { OwnCalls } from './own-calls.ts';
import { copyOf, scratchFolder } from './log/storage.testing.ts';
import { columnDefaults, describeModule, type ModuleChange, moduleChange, refuseWithRows } from './module-change.ts';

type Tables = Parameters<typeof schema>[0];

const defined = (tables: Tables): ModuleDefinition => defineModule({ default: schema(tables) });
const player = table(
  { name: 'player' },
  { id: t.u32().primaryKey(), name: t.string(), home: t.object('Place', { x: t.f64() }) },
);

/** What becomes of a database of the first module when the second one opens it. */
function change(before: Tables, after: Tables): ModuleChange {
  const current = defined(after);
  return moduleChange(
    JSON.parse(JSON.stringify(describeModule(defined(before)))),
    describeModule(current),
    columnDefaults(current),
  );
}

describe('a changed module', () => {
  test('is none when only code, default values or the form of its plain data differ', () => {
    expect(change({ player }, { player }).type).toBe('none');
    const withDefault = table({ name: 'score' }, { score: t.i32().default(5) });
    const without = table({ name: 'score' }, { score: t.i32() });
    expect(change({ score: withDefault }, { score: without }).type).toBe('none');
  });

  const compatible: readonly (readonly [string, Tables, Tables, readonly string[]])[] = [
    // What is done to which tables.
    [
      'a new table, wherever it stands',
      { player },
      { extra: table({ name: 'extra' }, { a: t.u8() }), player },
      ['new extra'],
    ],
    [
      'tables in another order',
      { a: player, b: table({ name: 'b' }, { a: t.u8() }) },
      { b: table({ name: 'b' }, { a: t.u8() }), a: player },
      [],
    ],
    [
      'a new index',
      { p: player },
      {
        p: table(
          { name: 'player' },
          { id: t.u32().primaryKey(), name: t.string().index('btree'), home: t.object('Place', { x: t.f64() }) },
        ),
      },
      [],
    ],
    [
      'columns in another order',
      { p: player },
      {
        p: table(
          { name: 'player' },
          { name: t.string(), id: t.u32().primaryKey(), home: t.object('Place', { x: t.f64() }) },
        ),
      },
      ['rewrite player'],
    ],
    ['another name on ctx.db', { p: player }, { renamed: player }, []],
    [
      'another name of a type',
      { p: player },
      {
        p: table(
          { name: 'player' },
          { id: t.u32().primaryKey(), name: t.string(), home: t.object('Spot', { x: t.f64() }) },
        ),
      },
      [],
    ],
    [
      'visibility',
      { a: table({ name: 'a' }, { a: t.u8() }) },
      { a: table({ name: 'a', public: true }, { a: t.u8() }) },
      [],
    ],
    [
      'other columns of an event table',
      { a: table({ name: 'a', event: true }, { a: t.u8() }) },
      { a: table({ name: 'a', event: true }, { b: t.string() }) },
      [],
    ],
    [
      'a new column with a default, wherever it stands',
      { a: table({ name: 'a' }, { a: t.u8() }) },
      { a: table({ name: 'a' }, { b: t.string().default('x'), a: t.u8() }) },
      ['rewrite a'],
    ],
    [
      'more variants at the end of an enum',
      { a: table({ name: 'a' }, { a: t.array(t.enum('E', { one: t.unit() })) }) },
      { a: table({ name: 'a' }, { a: t.array(t.enum('E', { one: t.unit(), two: t.u8() })) }) },
      ['rewrite a'],
    ],
    [
      'another primary key',
      { a: table({ name: 'a' }, { a: t.u8().primaryKey(), b: t.u8() }) },
      { a: table({ name: 'a' }, { a: t.u8(), b: t.u8().primaryKey() }) },
      ['rewrite a'],
    ],
    [
      'a column become unique',
      { a: table({ name: 'a' }, { a: t.u8() }) },
      { a: table({ name: 'a' }, { a: t.u8().unique() }) },
      ['check a'],
    ],
    [
      'a column become autoInc',
      { a: table({ name: 'a' }, { a: t.u64().primaryKey() }) },
      { a: table({ name: 'a' }, { a: t.u64().primaryKey().autoInc() }) },
      ['check a'],
    ],
    [
      'an event table become an ordinary one',
      { a: table({ name: 'a', event: true }, { a: t.u8() }) },
      { a: table({ name: 'a' }, { a: t.u8() }) },
      ['new a'],
    ],
  ];
  for (const [what, before, after, newTables] of compatible) {
    test(`is taken over with ${what}`, () => {
      const result = change(before, after);
      const done = result.type === 'changed' ? result.tables : [];
      expect(result.type).toBe('changed');
      expect(
        done.map((each) => {
          if (each.type === 'new') return `new ${each.table.name}`;
          if (each.type === 'unlessRows') return each.problem;
          return `${each.rewrite ? 'rewrite' : 'check'} ${each.after.name}`;
        }),
      ).toEqual(newTables);
      expect(() => refuseWithRows(result, () => 1)).not.toThrow();
    });
  }

  const one = (columns: Parameters<typeof table>[1], options: object = {}): Tables => ({
    a: table({ name: 'a', ...options }, columns),
  });
  const refused: readonly (readonly [string, Tables, Tables, RegExp])[] = [
    ['a table gone', { player, ...one({ x: t.u8() }) }, { player }, /table 'a'/],
    ['a column gone', one({ x: t.u8(), y: t.u8() }), one({ x: t.u8() }), /column 'y' of table 'a'/],
    ['a new column', one({ x: t.u8() }), one({ x: t.u8(), y: t.u8() }), /column 'y' of table 'a' is new.*\.default\(/],
    ['another type', one({ x: t.u8() }), one({ x: t.u16() }), /column 'x' of table 'a' was u8 and is now u16/],
    [
      'another type deep inside',
      one({ x: t.array(t.option(t.u8())) }),
      one({ x: t.array(t.option(t.i8())) }),
      /array\(option\(u8\)\) and is now array\(option\(i8\)\)/,
    ],
    [
      'a field renamed',
      one({ x: t.object('P', { a: t.u8() }) }),
      one({ x: t.object('P', { b: t.u8() }) }),
      /\{ a: u8 \} and is now \{ b: u8 \}/,
    ],
    [
      'another order of an enum',
      one({ x: t.enum('E', ['a', 'b']) }),
      one({ x: t.enum('E', ['b', 'a']) }),
      /type of the column 'x'/,
    ],
    ['a table become one of events', one({ x: t.u8() }), one({ x: t.u8() }, { event: true }), /event/],
    ['a table become ephemeral', one({ x: t.u8() }), one({ x: t.u8() }, { ephemeral: true }), /ephemeral/],
  ];
  for (const [what, before, after, message] of refused) {
    test(`[MIG-3] is refused with ${what} while there are rows, and taken over without any`, () => {
      expect(() => refuseWithRows(change(before, after), () => 0)).not.toThrow();
      expect(() => refuseWithRows(change(before, after), () => 2)).toThrowError(
        expect.objectContaining({ code: 'schema-changed', message: expect.stringMatching(message) }),
      );
    });
  }
});

describe('a database opened with a changed module', () => {
  const environment = nodeEnvironment();
  const open = (data: string, definition: ModuleDefinition) =>
    openDatabase({ definition, name: 'main', data, environment, diagnostics: printedDiagnostics(() => {}) });
  const counter = table({ name: 'counter', public: true }, { id: t.u64().primaryKey().autoInc(), n: t.u32() });
  const withCounter = (tables: Tables): ModuleDefinition => {
    const spec = schema({ ...tables, counter });
    const count = spec.reducer({ n: t.u32() }, (ctx, { n }) => {
      ctx.db.counter.insert({ id: 0n, n });
    });
    return defineModule({ default: spec, count });
  };
  const counted = (authority: Authority): unknown[] =>
    authority.engine.select('SELECT id, n FROM counter ORDER BY id').rows;
  const count = async (authority: Authority, n: number): Promise<void> => {
    const client = authority.client('cd'.repeat(16) as ClientId, new Identity(5n));
    authority.call(client, {
      callId: (client.lastCallId + 1) as CallId,
      reducerId: 0,
      timestampMicros: 0,
      args: { value: { n } },
      connectionId: null,
      idHints: [],
    });
    await authority.settled();
  };

  test('has its rows, calls and autoInc values, although its tables are numbered anew and its log is not yet in them', async () => {
    const data = scratchFolder();
    const first = await open(data, withCounter({}));
    await count(first.authority, 10);
    await count(first.authority, 20);
    // As a kill leaves it.
    const killed = dirname(copyOf(join(data, 'main.sqlite')));
    await first.close();

    const before = table({ name: 'before' }, { a: t.string() });
    const second = await open(killed, withCounter({ before }));
    expect(counted(second.authority)).toEqual([
      [1, 10],
      [2, 20],
    ]);
    await count(second.authority, 30);
    const [, , third] = counted(second.authority) as number[][];
    expect(third?.[0]).toBeGreaterThan(2);
    expect(second.authority.client('cd'.repeat(16) as ClientId, new Identity(5n)).lastCallId).toBe(3);
    await second.close();

    const back = await open(killed, withCounter({ before }));
    expect(counted(back.authority).length).toBe(3);
    await back.close();
  });

  test('is left as it was when the change is refused', async () => {
    const data = scratchFolder();
    const first = await open(data, withCounter({}));
    await count(first.authority, 10);
    await first.close();
    await expect(open(data, defined({ other: player }))).rejects.toMatchObject({ code: 'schema-changed' });
    const again = await open(data, withCounter({}));
    expect(counted(again.authority)).toEqual([[1, 10]]);
    await again.close();
    const db = new DatabaseSync(join(data, 'main.sqlite'), { readOnly: true });
    expect(db.prepare("SELECT count(*) AS n FROM sqlite_master WHERE name = 'player'").get()).toEqual({ n: 0 });
    db.close();
  });
});

describe('stored rows', () => {
  const environment = nodeEnvironment();
  const open = (data: string, tables: Tables) =>
    openDatabase({
      definition: withFill(tables),
      name: 'main',
      data,
      environment,
      diagnostics: printedDiagnostics(() => {}),
    });
  /** A reducer that inserts one row as JSON tells, for each table. */
  const withFill = (tables: Tables): ModuleDefinition => {
    const spec = schema(tables);
    const fill = spec.reducer({ table: t.string(), value: t.string() }, (ctx, args) => {
      const access = (ctx.db as unknown as Record<string, { insert: (row: unknown) => void }>)[args.table];
      access?.insert(JSON.parse(args.value));
    });
    return defineModule({ default: spec, fill });
  };
  const fill = async (authority: Authority, rows: readonly unknown[]): Promise<void> => {
    const own = new OwnCalls(authority, environment);
    for (const row of rows) await own.call('fill', { table: 'a', value: JSON.stringify(row) });
    own.close();
  };
  /** Fills a database of the first tables, as a kill or a proper stop leaves it, and opens it with the second. */
  const reopened = async (before: Tables, rows: readonly unknown[], after: Tables, isKilled: boolean) => {
    const data = scratchFolder();
    const first = await open(data, before);
    await fill(first.authority, rows);
    const killed = isKilled ? dirname(copyOf(join(data, 'main.sqlite'))) : data;
    await first.close();
    const second = await open(killed, after);
    return { second, data: killed };
  };
  const rowsOf = (authority: Authority): unknown[] => authority.engine.rows(0).map((row) => ({ ...row }));

  for (const isKilled of [false, true]) {
    const end = isKilled ? 'a kill' : 'a stop';
    test(`[MIG-1] [MIG-2] after ${end} have the defaults of new columns, also where the whole row is the key`, async () => {
      const { second, data } = await reopened(
        { a: table({ name: 'a', public: true }, { x: t.u8(), s: t.string() }) },
        [
          { x: 1, s: 'one' },
          { x: 2, s: 'two' },
        ],
        { a: table({ name: 'a', public: true }, { n: t.option(t.u8()).default(7), x: t.u8(), s: t.string() }) },
        isKilled,
      );
      const expected = [
        { n: 7, x: 1, s: 'one' },
        { n: 7, x: 2, s: 'two' },
      ];
      expect(rowsOf(second.authority)).toEqual(expected);
      await second.close();
      // Once more with nothing changed: checksums and keys are those of the new rows.
      const third = await open(data, {
        a: table({ name: 'a', public: true }, { n: t.option(t.u8()).default(7), x: t.u8(), s: t.string() }),
      });
      expect(rowsOf(third.authority)).toEqual(expected);
      await third.close();
    });
  }

  test('[MIG-1] are the same after columns have changed places, a primary key has gone and an enum has grown', async () => {
    const { second } = await reopened(
      { a: table({ name: 'a' }, { id: t.u32().primaryKey(), e: t.enum('E', ['on', 'off']) }) },
      [
        { id: 5, e: { tag: 'off' } },
        { id: 6, e: { tag: 'on' } },
      ],
      { a: table({ name: 'a' }, { e: t.enum('E', ['on', 'off', 'dim']), id: t.u32() }) },
      false,
    );
    expect(rowsOf(second.authority)).toEqual(
      expect.arrayContaining([
        { e: { tag: 'off' }, id: 5 },
        { e: { tag: 'on' }, id: 6 },
      ]),
    );
    await second.close();
  });

  test('[MIG-4] are counted on from when their column becomes autoInc', async () => {
    const { second } = await reopened(
      { a: table({ name: 'a' }, { id: t.u32().primaryKey() }) },
      [{ id: 41 }, { id: 7 }],
      { a: table({ name: 'a' }, { id: t.u32().primaryKey().autoInc() }) },
      true,
    );
    await fill(second.authority, [{ id: 0 }]);
    expect(rowsOf(second.authority)).toEqual([{ id: 7 }, { id: 41 }, { id: 42 }]);
    await second.close();
  });

  test('[MIG-3] that have a value twice keep their column from becoming unique or the key, and stay as they were', async () => {
    const before = { a: table({ name: 'a' }, { id: t.u32().primaryKey(), x: t.u8() }) };
    const rows = [
      { id: 1, x: 3 },
      { id: 2, x: 3 },
    ];
    for (const x of [t.u8().unique(), t.u8().primaryKey()]) {
      const after = { a: table({ name: 'a' }, { id: t.u32(), x }) };
      const data = scratchFolder();
      const first = await open(data, before);
      await fill(first.authority, rows);
      await first.close();
      await expect(open(data, after)).rejects.toMatchObject({ code: 'schema-changed' });
      const again = await open(data, before);
      expect(rowsOf(again.authority)).toEqual(rows);
      await again.close();
    }
  });

  test('[MIG-3] all deleted, let their table go or become any other', async () => {
    const { second } = await reopened(
      { a: table({ name: 'a' }, { id: t.u32().primaryKey() }), gone: table({ name: 'gone' }, { x: t.u8() }) },
      [],
      { a: table({ name: 'a' }, { id: t.string().primaryKey(), more: t.u8() }) },
      false,
    );
    await fill(second.authority, [{ id: 'x', more: 1 }]);
    expect(rowsOf(second.authority)).toEqual([{ id: 'x', more: 1 }]);
    await second.close();
  });
});
