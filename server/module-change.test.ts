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
import { copyOf, scratchFolder } from './log/storage.testing.ts';
import { describeModule, moduleChange } from './module-change.ts';

type Tables = Parameters<typeof schema>[0];

const defined = (tables: Tables): ModuleDefinition => defineModule({ default: schema(tables) });
const player = table(
  { name: 'player' },
  { id: t.u32().primaryKey(), name: t.string(), home: t.object('Place', { x: t.f64() }) },
);

/** What becomes of a database of the first module when the second one opens it. */
function change(before: Tables, after: Tables) {
  return moduleChange(JSON.parse(JSON.stringify(describeModule(defined(before)))), describeModule(defined(after)));
}

describe('a changed module', () => {
  test('is none when only code, default values or the form of its plain data differ', () => {
    expect(change({ player }, { player }).type).toBe('none');
    const withDefault = table({ name: 'score' }, { score: t.i32().default(5) });
    const without = table({ name: 'score' }, { score: t.i32() });
    expect(change({ score: withDefault }, { score: without }).type).toBe('none');
  });

  const compatible: readonly (readonly [string, Tables, Tables, readonly string[]])[] = [
    [
      'a new table, wherever it stands',
      { player },
      { extra: table({ name: 'extra' }, { a: t.u8() }), player },
      ['extra'],
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
      [],
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
  ];
  for (const [what, before, after, newTables] of compatible) {
    test(`is taken over with ${what}`, () => {
      const result = change(before, after);
      expect(result).toMatchObject({ type: 'compatible' });
      expect(result.type === 'compatible' && result.newTables.map(({ name }) => name)).toEqual(newTables);
    });
  }

  const one = (columns: Parameters<typeof table>[1], options: object = {}): Tables => ({
    a: table({ name: 'a', ...options }, columns),
  });
  const refused: readonly (readonly [string, Tables, Tables, RegExp])[] = [
    ['a table gone', { player, ...one({ x: t.u8() }) }, { player }, /table 'a'/],
    ['a column gone', one({ x: t.u8(), y: t.u8() }), one({ x: t.u8() }), /column 'y' of table 'a'/],
    ['a new column', one({ x: t.u8() }), one({ x: t.u8(), y: t.u8() }), /column 'y' of table 'a' is new/],
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
      'another primary key',
      one({ x: t.u8().primaryKey(), y: t.u8() }),
      one({ x: t.u8(), y: t.u8().primaryKey() }),
      /primary key of table 'a' was 'x' and is now 'y'/,
    ],
    ['a new primary key', one({ x: t.u8() }), one({ x: t.u8().primaryKey() }), /was none and is now 'x'/],
    [
      'columns in another order where the row is the key',
      one({ x: t.u8(), y: t.u8() }),
      one({ y: t.u8(), x: t.u8() }),
      /order/,
    ],
    [
      'a column become unique',
      one({ x: t.u8() }),
      one({ x: t.u8().unique() }),
      /column 'x' of table 'a' has become unique/,
    ],
    [
      'a column become autoInc',
      one({ x: t.u64().primaryKey() }),
      one({ x: t.u64().primaryKey().autoInc() }),
      /autoInc/,
    ],
    ['a table become one of events', one({ x: t.u8() }), one({ x: t.u8() }, { event: true }), /event/],
    ['a table become ephemeral', one({ x: t.u8() }), one({ x: t.u8() }, { ephemeral: true }), /ephemeral/],
  ];
  for (const [what, before, after, message] of refused) {
    test(`is refused with ${what}`, () => {
      expect(() => change(before, after)).toThrowError(
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
