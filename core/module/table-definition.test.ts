import { describe, expect, it } from 'vitest';
import type { AnyColumn, RowObj } from './column-builder.ts';
import { columnKey } from './column-key.ts';
import { t } from './column.ts';
import type { TableDefinition } from './definition.ts';
import { TakenNames } from './names.ts';
import { CaseConversionPolicy } from './schema.ts';
import { type AnyTable, type TableOptions, table } from './table.ts';
import { defineTable } from './table-definition.ts';

function define(handle: AnyTable, accessor = 'player', sqlNames = new TakenNames()): TableDefinition {
  return defineTable(handle, { tableId: 0, accessor, policy: CaseConversionPolicy.SnakeCase, sqlNames });
}

/** A table as JavaScript may write it, where no type forbids anything. */
function untyped(options: TableOptions, columns: RowObj): AnyTable {
  return table(options, columns);
}

/** A column with everything said of it that the types would not let one say. */
function column(spec: Partial<AnyColumn[typeof columnKey]>): AnyColumn {
  return { [columnKey]: { type: { type: 'u32' }, ...spec } };
}

describe('a table', () => {
  const player = table(
    {
      public: true,
      indexes: [
        { accessor: 'byLevel', algorithm: 'btree', columns: ['level', 'lastSeen'] },
        { accessor: 'slots', name: 'slot_index', algorithm: 'direct', column: 'slot' },
      ],
    },
    {
      level: t.u32().index('hash'),
      slot: t.u16(),
      email: t.string().unique().name('EMail'),
      id: t.u64().primaryKey().autoInc(),
      lastSeen: t.timestamp(),
      nick: t.string().optional(),
    },
  );
  const definition = define(player, 'onlinePlayer');

  it('is named after its key in the schema, in snake case', () => {
    expect(definition).toMatchObject({
      name: 'online_player',
      accessor: 'onlinePlayer',
      public: true,
      event: false,
      ephemeral: false,
    });
    expect(define(table({ name: 'Spieler' }, { id: t.u32() }))).toMatchObject({
      name: 'Spieler',
      accessor: 'player',
      public: false,
    });
  });

  it('has its columns in order, with the name of the field and the name in SQL', () => {
    expect(definition.columns.map(({ field, name, autoInc }) => [field, name, autoInc])).toEqual([
      ['level', 'level', false],
      ['slot', 'slot', false],
      ['email', 'EMail', false],
      ['id', 'id', true],
      ['lastSeen', 'last_seen', false],
      ['nick', 'nick', false],
    ]);
    expect(definition.rowType.fields.map(({ name }) => name)).toEqual([
      'level',
      'slot',
      'email',
      'id',
      'lastSeen',
      'nick',
    ]);
    expect(definition.primaryKey).toBe(3);
  });

  it("has the primary key's index first, then unique columns', then columns', then its own", () => {
    expect(definition.indexes).toEqual([
      {
        accessor: 'id',
        name: 'online_player_id_idx_btree',
        algorithm: 'btree',
        columns: [3],
        unique: true,
        primary: true,
      },
      {
        accessor: 'email',
        name: 'online_player_EMail_idx_btree',
        algorithm: 'btree',
        columns: [2],
        unique: true,
        primary: false,
      },
      {
        accessor: 'level',
        name: 'online_player_level_idx_hash',
        algorithm: 'hash',
        columns: [0],
        unique: false,
        primary: false,
      },
      {
        accessor: 'byLevel',
        name: 'online_player_level_last_seen_idx_btree',
        algorithm: 'btree',
        columns: [0, 4],
        unique: false,
        primary: false,
      },
      { accessor: 'slots', name: 'slot_index', algorithm: 'direct', columns: [1], unique: false, primary: false },
    ]);
  });

  it('without a primary key has none, and is known by the whole row', () => {
    expect(define(table({}, { x: t.f64() }))).toMatchObject({ primaryKey: undefined, indexes: [] });
  });

  it('may say that a column is unique by a constraint', () => {
    const { indexes } = define(
      table({ constraints: [{ constraint: 'unique', columns: ['name'] }] }, { name: t.string() }),
    );
    expect(indexes).toMatchObject([{ accessor: 'name', unique: true, primary: false }]);
  });

  it('has an index over unique columns that is unique itself', () => {
    const columns = { a: t.u32().unique(), b: t.u32().unique(), c: t.u32() };
    const { indexes } = define(
      table(
        {
          indexes: [
            { accessor: 'ab', algorithm: 'btree', columns: ['a', 'b'] },
            { accessor: 'ac', algorithm: 'btree', columns: ['a', 'c'] },
          ],
        },
        columns,
      ),
    );
    expect(indexes.slice(2)).toMatchObject([
      { accessor: 'ab', unique: true, primary: false },
      { accessor: 'ac', unique: false, primary: false },
    ]);
  });

  it('may be indexed by floats and timestamps', () => {
    expect(() => define(table({}, { x: t.f32().index(), at: t.timestamp().index() }))).not.toThrow();
  });

  it('may have a column named like a method, as long as it has no index', () => {
    expect(() => define(table({}, { count: t.u32(), delete: t.bool() }))).not.toThrow();
  });

  it('keeps a default in the form that rows have', () => {
    const [column] = define(table({}, { speed: t.f32().default(0.1) })).columns;
    expect(column?.defaultValue).toBe(Math.fround(0.1));
  });

  it('gets index names that no other table has', () => {
    const sqlNames = new TakenNames();
    const first = define(table({ name: 'a' }, { b_c: t.u32().index() }), 'a', sqlNames);
    const second = define(table({ name: 'a_b' }, { c: t.u32().index() }), 'aB', sqlNames);
    expect(first.indexes[0]?.name).toBe('a_b_c_idx_btree');
    expect(second.indexes[0]?.name).toBe('a_b_c_idx_btree_2');
  });
});

describe('[MOD-3] a table is refused, with its place and what to do,', () => {
  const deep = Array.from({ length: 40 }).reduce<ReturnType<typeof t.option>>(
    (inner) => t.option(inner),
    t.u32().optional(),
  );

  it.each<[string, AnyTable, RegExp]>([
    ['without columns', untyped({}, {}), /table 'player': has no columns.*at least one/],
    [
      'with two primary keys',
      table({}, { a: t.u32().primaryKey(), b: t.u32().primaryKey() }),
      /'a' and 'b'.*unique\(\)/,
    ],
    [
      'with a default on a key',
      untyped({}, { id: column({ primaryKey: true, defaultValue: { value: 1 } }) }),
      /column 'id': has a default.*remove one/,
    ],
    [
      'with a default on a counter',
      untyped({}, { id: column({ autoInc: true, defaultValue: { value: 1 } }) }),
      /column 'id': has a default/,
    ],
    [
      'with a default of another type',
      untyped({}, { id: column({ defaultValue: { value: 'one' } }) }),
      /column 'id': its default: expected u32.*got string/,
    ],
    [
      'with a float as key',
      untyped({}, { x: column({ type: { type: 'f64' }, primaryKey: true }) }),
      /column 'x': can not be a key: f64/,
    ],
    [
      'with an option as key',
      untyped({}, { x: column({ type: { type: 'option', value: { type: 'u32' } }, unique: true }) }),
      /column 'x': can not be a key: an option/,
    ],
    [
      'with an enum of values as key',
      table({}, { shape: t.enum('Shape', { Circle: t.f64() }).primaryKey() }),
      /column 'shape': can not be a key: an enum with values/,
    ],
    [
      'with an array under an index',
      untyped({}, { x: column({ type: { type: 'array', element: { type: 'string' } }, index: 'btree' }) }),
      /column 'x': can not be indexed, since it is an array/,
    ],
    [
      'with a direct index over signed integers',
      table({}, { x: t.i32().index('direct') }),
      /column 'x': a direct index.*i32.*use 'btree'/,
    ],
    [
      'with a counter that is no integer',
      untyped({}, { x: column({ type: { type: 'string' }, autoInc: true }) }),
      /column 'x': can not count up/,
    ],
    [
      'with columns that SQL takes for one',
      table({}, { lastSeen: t.u32(), LastSeen: t.u32() }),
      /column 'LastSeen': the name 'last_seen' is taken by table 'player', column 'lastSeen'/,
    ],
    ['with types nested too deep', table({}, { x: deep }), /column 'x': .*nested more than 32/],
    [
      'with an index that hides a method',
      table({}, { count: t.u32().index() }),
      /index 'count': would hide.*count\(\).*\.name\('count'\)/,
    ],
    [
      'with two indexes of one name',
      table({ indexes: [{ accessor: 'x', algorithm: 'btree', columns: ['x'] }] }, { x: t.u32().index() }),
      /index 'x': there are two/,
    ],
    [
      'with an index over no columns',
      untyped({ indexes: [{ accessor: 'i', algorithm: 'btree', columns: [] }] }, { x: t.u32() }),
      /index 'i': needs columns/,
    ],
    [
      'with an index over a column it lacks',
      untyped({ indexes: [{ accessor: 'i', algorithm: 'btree', columns: ['y'] }] }, { x: t.u32() }),
      /index 'i': there is no column 'y'/,
    ],
    [
      'with an index over a column twice',
      table({ indexes: [{ accessor: 'i', algorithm: 'btree', columns: ['x', 'x'] }] }, { x: t.u32() }),
      /index 'i': names a column twice/,
    ],
    [
      'with an unknown kind of index',
      untyped({}, { x: column({ index: 'rtree' as never }) }),
      /column 'x': there is no index of the kind 'rtree'/,
    ],
    [
      'with a constraint on a column it lacks',
      untyped({ constraints: [{ constraint: 'unique', columns: ['y'] }] }, { x: t.u32() }),
      /a unique constraint names one of its columns/,
    ],
    [
      'that is both event and ephemeral',
      table({ event: true, ephemeral: true }, { x: t.u32() }),
      /remove one of the two/,
    ],
    [
      'with a name kept for the system',
      table({ name: 'st_player' }, { x: t.u32() }),
      /table 'player': 'st_player' begins with 'st_'/,
    ],
  ])('%s', (_, handle, message) => {
    expect(() => define(handle)).toThrow(
      expect.objectContaining({ code: 'module-invalid', message: expect.stringMatching(message) }),
    );
  });

  it('with an index named like a table', () => {
    const sqlNames = new TakenNames();
    define(table({}, { x: t.u32() }), 'player', sqlNames);
    const named = table(
      { indexes: [{ accessor: 'i', name: 'player', algorithm: 'btree', columns: ['x'] }] },
      { x: t.u32() },
    );
    expect(() => define(named, 'match', sqlNames)).toThrow(
      "table 'match', index 'i': the name 'player' is taken by table 'player'",
    );
  });
});
