import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import * as accounts from './accounts.testing.ts';
import * as chat from './chat.testing.ts';
import type { RowObj } from './column-builder.ts';
import { t } from './column.ts';
import { defineModule, type ModuleExports } from './module.ts';
import { CaseConversionPolicy, schema } from './schema.ts';
import type { ModuleExport } from './module-export.ts';
import { type AnyTable, table } from './table.ts';
import type { Tables } from './table-view.ts';

const nothing = () => {};
const player = table({ public: true }, { id: t.u32().primaryKey(), score: t.u32() });

/** The value, as JavaScript may pass it where the types would say no. */
const untyped = (value: unknown) => value as never;

function refusal(message: RegExp) {
  return expect.objectContaining({ code: 'module-invalid', message: expect.stringMatching(message) });
}

describe('the chat', () => {
  const definition = defineModule(chat);

  it('has its tables in the order of its schema', () => {
    expect(definition.tables).toMatchObject([
      {
        tableId: 0,
        name: 'user',
        public: true,
        primaryKey: 0,
        indexes: [{ accessor: 'identity', unique: true, primary: true }],
      },
      { tableId: 1, name: 'message', public: true, primaryKey: undefined, indexes: [] },
    ]);
  });

  it('has its reducers sorted by name, and names them in snake case', () => {
    expect(
      definition.reducers.map(({ reducerId, name, accessor, lifecycle }) => [reducerId, name, accessor, lifecycle]),
    ).toEqual([
      [0, 'init', 'init', 'init'],
      [1, 'on_connect', 'onConnect', 'clientConnected'],
      [2, 'on_disconnect', 'onDisconnect', 'clientDisconnected'],
      [3, 'send_message', 'send_message', undefined],
      [4, 'set_name', 'set_name', undefined],
    ]);
  });
});

describe('the accounts', () => {
  const definition = defineModule(accounts);

  it('take arguments by name, in the order in which they are written', () => {
    const transfer = definition.reducers.find(({ name }) => name === 'transfer');
    expect(transfer).toMatchObject({
      params: {
        type: 'product',
        fields: [
          { name: 'from', type: { type: 'u32' } },
          { name: 'to', type: { type: 'u32' } },
          { name: 'amount', type: { type: 'i64' } },
        ],
      },
      predict: true,
      scheduledTableId: undefined,
    });
  });
});

describe('a module', () => {
  it('[MOD-1] gives the same definition every time', () => {
    expect(defineModule(chat)).toBe(defineModule(chat));
  });

  it('may be made with another copy of this package', async () => {
    vi.resetModules();
    const copy: typeof import('./chat.testing.ts') = await import('./chat.testing.ts');
    expect(copy.default).not.toBe(chat.default);
    expect(copy.default).not.toBeInstanceOf(chat.default.constructor);
    expect(defineModule(copy)).toMatchObject({ tables: defineModule(chat).tables, hash: defineModule(chat).hash });
  });

  it('may export anything else beside', () => {
    const game = schema({ player });
    expect(defineModule({ default: game, game, player, PI: 3, help: nothing, nil: null }).reducers).toEqual([]);
  });

  it('keeps its names as they are when its schema says so', () => {
    const game = schema({ onlinePlayer: player }, { CASE_CONVERSION_POLICY: CaseConversionPolicy.None });
    const { tables, reducers } = defineModule({ default: game, joinGame: game.reducer(nothing) });
    expect([tables[0]?.name, reducers[0]?.name]).toEqual(['onlinePlayer', 'joinGame']);
  });

  it('calls a reducer as its options say', () => {
    const game = schema({ player });
    const { reducers } = defineModule({
      default: game,
      joinGame: game.reducer({ name: 'Join', predict: false }, { name: t.string() }, nothing),
      start: game.init({ name: 'Begin' }, nothing),
      wait: game.reducer({ predict: false }, nothing),
    });
    expect(reducers).toMatchObject([
      { name: 'Begin', accessor: 'start', lifecycle: 'init', predict: true },
      { name: 'Join', accessor: 'joinGame', predict: false, params: { fields: [{ name: 'name' }] } },
      { name: 'wait', accessor: 'wait', predict: false, params: { fields: [] } },
    ]);
  });

  it('tells a parameter called name from the option', () => {
    const game = schema({ player });
    const { reducers } = defineModule({ default: game, rename: game.reducer({ name: t.string() }, nothing) });
    expect(reducers).toMatchObject([
      { name: 'rename', params: { fields: [{ name: 'name', type: { type: 'string' } }] } },
    ]);
  });

  it('may group its exports, under the names they have in the group', () => {
    const game = schema({ player });
    const moves = game.exportGroup({
      left: game.reducer(nothing),
      deeper: game.exportGroup({ right: game.reducer(nothing) }),
    });
    expect(defineModule({ default: game, moves }).reducers.map(({ name }) => name)).toEqual(['left', 'right']);
  });

  it('may have two tables of one shape', () => {
    const row = t.row('Player', { id: t.u32().primaryKey() });
    const { tables } = defineModule({ default: schema({ online: table({}, row), offline: table({}, row) }) });
    expect(tables).toMatchObject([
      { name: 'online', rowType: { name: 'Player' }, indexes: [{ name: 'online_id_idx_btree' }] },
      { name: 'offline', rowType: { name: 'Player' }, indexes: [{ name: 'offline_id_idx_btree' }] },
    ]);
  });

  it.each<[string, () => unknown, RegExp]>([
    ['without a schema', () => defineModule(untyped({ move: nothing })), /no default export.*export default schema/],
    ['that is only the schema', () => defineModule(untyped(schema({ player }))), /pass the whole module/],
    ['that is nothing', () => defineModule(untyped(undefined)), /no default export/],
    ['whose schema is a table', () => schema(untyped(player)), /write schema\(\{ player \}\)/i],
    ['whose schema is a list of tables', () => schema(untyped({ player }), untyped(player)), /one object of tables/],
    ['with a table that is none', () => schema(untyped({ player: 3 })), /'player' is not a table/],
    ['with a submodule', () => schema(untyped({ lib: chat })), /'lib' is a module: submodules are not supported yet/],
    ['with a procedure', () => schema({ player }).procedure(t.unit(), nothing), /procedure\(\) is not supported yet/],
    ['with an HTTP handler', () => schema({ player }).httpHandler(nothing), /httpHandler\(\) is not supported yet/],
    [
      'with a group of something else',
      () => schema({ player }).exportGroup(untyped({ a: nothing })),
      /'a' is not a reducer/,
    ],
    [
      'with a reducer without a function',
      () => schema({ player }).reducer(untyped({ x: t.u32() }), untyped(undefined)),
      /last argument must be the function/,
    ],
    [
      'with a parameter that is no type',
      () => schema({ player }).reducer(untyped({ x: t.u32 }), nothing),
      /'x': this is not a type/,
    ],
  ])('%s is refused', (_, make, message) => {
    expect(make).toThrow(refusal(message));
  });

  const game = schema({ player });
  const reducer = game.reducer(nothing);

  it.each<[string, Omit<ModuleExports, 'default'>, RegExp]>([
    [
      'an export of another schema',
      { join: schema({ player }).reducer(nothing) },
      /export 'join': belongs to another schema/,
    ],
    [
      'two reducers of one name',
      { joinGame: reducer, join_game: reducer },
      /reducer 'join_game': the name 'join_game' is taken by reducer 'joinGame'/,
    ],
    [
      'two reducers that are exported as one',
      { join: reducer, group: game.exportGroup({ join: game.reducer({ name: 'other' }, nothing) }) },
      /the name 'join' is taken/,
    ],
    [
      'two reducers for one occasion',
      { a: game.init(nothing), b: game.init(nothing) },
      /reducer 'b': 'a' is this module's init already/,
    ],
    [
      'a name that is none',
      { 'join-': game.reducer({ name: 'join!' }, nothing) },
      /reducer 'join-': 'join!' can't be a name/,
    ],
    [
      'arguments where nobody gives any',
      { start: game.init(untyped({ x: t.u32() }), nothing) },
      /reducer 'start': init is called by the database/,
    ],
    [
      'arguments without content',
      { a: game.reducer({ x: t.array(t.unit()) }, nothing) },
      /reducer 'a', parameter 'x': array of elements without content/,
    ],
  ])('with %s is refused', (_, exports, message) => {
    expect(() => defineModule({ default: game, ...exports })).toThrow(refusal(message));
  });

  it('with two tables that SQL takes for one is refused', () => {
    expect(() => defineModule({ default: schema({ fooBar: player, foo_bar: player }) })).toThrow(
      refusal(/table 'foo_bar': the name 'foo_bar' is taken by table 'fooBar'/),
    );
  });
});

describe('a reducer', () => {
  it('[MOD-5] can be called by another, in whose transaction it then runs', () => {
    const game = schema({ player });
    const seen: unknown[] = [];
    const score = game.reducer({ points: t.u32() }, (ctx, args) => {
      seen.push(ctx, args);
    });
    const win = game.reducer((ctx) => score(ctx, { points: 3 }));
    const { reducers } = defineModule({ default: game, score, win });
    const ctx = untyped({});
    reducers[1]?.run(ctx, untyped({}));
    expect(seen).toEqual([ctx, { points: 3 }]);
  });
});

describe('a scheduled table', () => {
  const dueRow = t.row({ id: t.u64().primaryKey().autoInc(), at: t.scheduleAt(), text: t.string() });

  it('is bound by onSchedule, and its reducer knows it', () => {
    const reminder = table({}, dueRow);
    const game = schema({ player, reminder });
    const remind = game.reducer({ onSchedule: reminder }, { row: reminder.rowType }, nothing);
    expect(defineModule({ default: game, remind }).reducers).toMatchObject([{ name: 'remind', scheduledTableId: 1 }]);
  });

  it('may be bound by its own option, which is read when all is defined', () => {
    const reminder = table({ scheduled: (): ModuleExport => remind }, dueRow);
    const game = schema({ reminder });
    const remind = game.reducer({ row: dueRow }, nothing);
    expect(defineModule({ default: game, remind }).reducers).toMatchObject([{ scheduledTableId: 0 }]);
  });

  it('may be bound in both ways to the same reducer', () => {
    const reminder = table({ scheduled: (): ModuleExport => remind }, dueRow);
    const game = schema({ reminder });
    const remind = game.reducer({ onSchedule: reminder }, { row: dueRow }, nothing);
    expect(defineModule({ default: game, remind }).reducers).toMatchObject([{ scheduledTableId: 0 }]);
  });

  const id = t.u64().primaryKey().autoInc();
  const at = t.scheduleAt();

  /** A module whose one reducer is called for the due rows of `reminder`. */
  function reminding(reminder: AnyTable, tables: Tables = { reminder }): ModuleExports {
    const game = schema(tables, { CASE_CONVERSION_POLICY: CaseConversionPolicy.None });
    return { default: game, remind: game.reducer({ onSchedule: reminder }, { row: reminder.rowType }, nothing) };
  }
  const sound = table({}, { id, at });

  it.each<[string, ModuleExports, RegExp]>([
    ['of another schema', reminding(sound, { player }), /onSchedule is not a table of this schema/],
    ['that stands there twice', reminding(sound, { sound, again: sound }), /stands twice in schema/],
    [
      'without a time',
      reminding(table({}, { id })),
      /table 'reminder': is scheduled, so it needs one t\.scheduleAt\(\) column, and has 0/,
    ],
    ['with two times', reminding(table({}, { id, at, again: at })), /has 2/],
    ['without a key', reminding(table({}, { at })), /primary key must be t\.u64\(\)/],
    ['with a short key', reminding(table({}, { id: t.u32().primaryKey(), at })), /primary key must be t\.u64\(\)/],
    ['of events', reminding(table({ event: true }, { id, at })), /its rows must be kept/],
    ['of a connection', reminding(table({ ephemeral: true }, { id, at })), /its rows must be kept/],
    [
      'whose option names no reducer',
      { default: schema({ reminder: table({ scheduled: () => untyped(nothing) }, { id, at }) }) },
      /not a reducer which this module exports/,
    ],
  ])('%s is refused', (_, exports, message) => {
    expect(() => defineModule(exports)).toThrow(refusal(message));
  });

  it('takes one reducer, which takes the row and nothing else', () => {
    const reminder = table({}, dueRow);
    const game = schema({ reminder, player });
    const bind = (params: RowObj) => game.reducer({ onSchedule: untyped(reminder) }, params, nothing);
    const a = bind({ row: dueRow });
    expect(() => defineModule({ default: game, a, b: bind({ row: dueRow }) })).toThrow(
      refusal(/scheduled by the reducers 'a' and 'b'/),
    );
    expect(() => defineModule({ default: game, a: bind({ row: player.rowType }) })).toThrow(
      refusal(/reducer 'a': is called with the due rows of 'reminder'/),
    );
    expect(() => defineModule({ default: game, a: bind({ row: dueRow, more: t.u32() }) })).toThrow(
      refusal(/only parameter/),
    );
    expect(() => defineModule({ default: game, a: bind({}) })).toThrow(refusal(/only parameter/));
  });
});

describe('a view', () => {
  const game = schema({ player });
  const { rowType } = player;

  it('is data: its row, its key, for whom it is, and its function', () => {
    const run = () => [];
    const exports = {
      default: game,
      topPlayers: game.anonymousView({ public: true }, t.array(rowType), run),
      me: game.view({ name: 'Me', public: true }, t.option(rowType), () => undefined),
      total: game.anonymousView({ public: true }, t.array(t.object('Total', { topScore: t.u64() })), run),
    };
    expect(defineModule(exports).views).toMatchObject([
      { name: 'Me', accessor: 'me', anonymous: false, returns: 'row', primaryKey: 0 },
      {
        name: 'top_players',
        accessor: 'topPlayers',
        anonymous: true,
        returns: 'rows',
        primaryKey: 0,
        columns: [{ field: 'id' }, { field: 'score' }],
      },
      { name: 'total', primaryKey: undefined, columns: [{ field: 'topScore', name: 'top_score' }] },
    ]);
    expect(defineModule(exports).views[1]?.run(untyped({}))).toEqual([]);
  });

  it.each<[string, () => unknown, RegExp]>([
    [
      'named like a table',
      () => game.view({ public: true, name: 'player' }, t.array(rowType), () => []),
      /view 'a': the name 'player' is taken by table 'player'/,
    ],
    [
      'that returns no rows',
      () => game.view({ public: true }, untyped(t.u32()), untyped(nothing)),
      /view 'a': must return rows/,
    ],
    [
      'that returns numbers',
      () => game.view({ public: true }, untyped(t.array(t.u32())), untyped(nothing)),
      /view 'a': must return rows/,
    ],
    [
      'whose row has two keys',
      () =>
        game.view(
          { public: true },
          t.array(t.row({ id: t.u32().primaryKey(), other: t.u32().primaryKey() })),
          () => [],
        ),
      /view 'a': its row has several primary keys/,
    ],
  ])('%s is refused', (_, make, message) => {
    expect(() => defineModule({ default: game, a: make() })).toThrow(refusal(message));
  });
});

it('a visibility filter is its SQL', () => {
  const game = schema({ player });
  const sql = 'SELECT * FROM player WHERE id = :sender';
  expect(defineModule({ default: game, mine: game.clientVisibilityFilter.sql(sql) }).visibilityFilters).toEqual([sql]);
});

describe('the hash', () => {
  const hashOf = (columns: RowObj, run: () => void = nothing) => {
    const game = schema({ player: table({}, columns) });
    return defineModule({ default: game, move: game.reducer(columns, run) }).hash;
  };

  it('[MOD-2] is 32 hex digits, and the same for the same shape whatever the code does', () => {
    const hash = hashOf({ id: t.u32() });
    expect(hash).toMatch(/^[0-9a-f]{32}$/);
    expect(hashOf({ id: t.u32() }, () => 1)).toBe(hash);
    expect(hashOf({ id: t.u32().default(7) })).toBe(hash);
  });

  it('[MOD-2] does not depend on the order in which exports are listed', () => {
    const game = schema({ player });
    const [a, b] = [game.reducer(nothing), game.reducer({ x: t.u32() }, nothing)];
    expect(defineModule({ b, default: game, a }).hash).toBe(defineModule({ a, b, default: game }).hash);
  });

  it('[MOD-2] differs as soon as a name, a type or an order does', () => {
    const name = fc.constantFrom('a', 'b', 'c');
    const column = fc.constantFrom('u32', 'i32', 'string', 'bool' as const);
    const columns = fc.uniqueArray(fc.tuple(name, column), { minLength: 1, selector: ([field]) => field });
    fc.assert(
      fc.property(columns, columns, (one, other) => {
        const hash = (shape: typeof one) =>
          hashOf(Object.fromEntries(shape.map(([field, type]) => [field, t[type as 'u32']()])));
        expect(hash(one) === hash(other)).toBe(JSON.stringify(one) === JSON.stringify(other));
      }),
    );
  });
});
