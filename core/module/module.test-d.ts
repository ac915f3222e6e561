import { describe, expectTypeOf, it } from 'vitest';
import type { ConnectionId } from '../value/connection-id.ts';
import type { Identity } from '../value/identity.ts';
import type { Timestamp } from '../value/timestamp.ts';
import type { Uuid } from '../value/uuid.ts';
import type * as accounts from './accounts.testing.ts';
import * as chat from './chat.testing.ts';
import { t } from './column.ts';
import type { ReducerCtx } from './context.ts';
import type { ModuleDefinition } from './definition.ts';
import { defineModule, type ReducersOf, type TablesOf } from './module.ts';
import type { ModuleExport } from './module-export.ts';
import type { ArgsOf, Reducer } from './reducer.ts';
import { type InferSchema, schema } from './schema.ts';
import { table } from './table.ts';
import type { PrimaryIndex } from './table-view.ts';

const player = table(
  { public: true },
  { id: t.identity().primaryKey(), x: t.f64(), nick: t.string().optional(), team: t.u32().index() },
);
const due = table({}, { id: t.u64().primaryKey().autoInc(), at: t.scheduleAt() });
const game = schema({ player, due });
type Ctx = ReducerCtx<InferSchema<typeof game>>;
type Player = { id: Identity; x: number; nick?: string | undefined; team: number };

describe('a reducer', () => {
  it('sees the tables and its arguments', () => {
    game.reducer({ dx: t.f64(), label: t.string().optional() }, (ctx, args) => {
      expectTypeOf(ctx).toEqualTypeOf<Ctx>();
      expectTypeOf(args).toEqualTypeOf<{ dx: number; label?: string | undefined }>();
      expectTypeOf(ctx.db.player.id).toEqualTypeOf<PrimaryIndex<Player, Identity>>();
      expectTypeOf(ctx.db.player.id.find(ctx.sender)).toEqualTypeOf<Player | null>();
      // @ts-expect-error there is no such table
      ctx.db.players;
    });
  });

  it('has in its context what the call says', () => {
    expectTypeOf<Ctx['sender']>().toEqualTypeOf<Identity>();
    expectTypeOf<Ctx['connectionId']>().toEqualTypeOf<ConnectionId | null>();
    expectTypeOf<Ctx['timestamp']>().toEqualTypeOf<Timestamp>();
    expectTypeOf<ReturnType<Ctx['newUuidV7']>>().toEqualTypeOf<Uuid>();
    expectTypeOf<ReturnType<Ctx['random']>>().toBeNumber();
    expectTypeOf<ReturnType<Ctx['random']['bigintInRange']>>().toBeBigInt();
  });

  it('may return what it likes, and nobody reads it', () => {
    game.reducer((ctx) => ctx.db.player.count());
    game.reducer({ x: t.f64() }, (ctx, { x }) => ctx.db.player.insert({ id: ctx.sender, x, team: 1 }));
    game.reducer(() => {
      throw new Error('never');
    });
    game.reducer((ctx) => game.reducer(() => {})(ctx, {}));
  });

  it('is synchronous', () => {
    // @ts-expect-error without arguments
    game.reducer(async () => {});
    // @ts-expect-error with arguments
    game.reducer({ dx: t.f64() }, async (ctx) => ctx.db.player.clear());
    // @ts-expect-error with options
    game.reducer({ predict: false }, { dx: t.f64() }, async () => {});
    // @ts-expect-error as a lifecycle hook
    game.init(async () => {});
    // @ts-expect-error by a promise of its own making
    game.clientConnected(() => Promise.resolve());
    // @ts-expect-error also where it is declared apart
    const apart: Reducer<InferSchema<typeof game>, {}> = async () => {};
    void apart;
  });

  it('has the options of its kind', () => {
    game.reducer({ name: 'Join', predict: false }, { x: t.f64() }, () => {});
    game.reducer({ predict: false }, () => {});
    // @ts-expect-error a misspelt option
    game.reducer({ predcit: false }, { x: t.f64() }, () => {});
    // @ts-expect-error a parameter needs a type
    game.reducer({ x: 'f64' }, () => {});
  });

  it('is called by others with the same context and its arguments', () => {
    const move = game.reducer({ dx: t.f64() }, () => {});
    game.reducer((ctx) => {
      move(ctx, { dx: 1 });
      // @ts-expect-error dx is a number
      move(ctx, { dx: 'far' });
    });
    expectTypeOf<ArgsOf<typeof move>>().toEqualTypeOf<{ dx: number }>();
    expectTypeOf(move).toExtend<ModuleExport>();
  });

  it('that is scheduled takes the rows of its table', () => {
    game.reducer({ onSchedule: due }, { row: due.rowType }, (_ctx, { row }) => {
      expectTypeOf(row.id).toBeBigInt();
    });
    // @ts-expect-error the parameter is not the table's row
    game.reducer({ onSchedule: due }, { text: t.string() }, () => {});
    // @ts-expect-error nor is it another table's
    game.reducer({ onSchedule: due }, { row: player.rowType }, () => {});
  });
});

describe('a helper of reducers', () => {
  it('takes the context of the schema, by its type or by its instance', () => {
    const move = (ctx: ReducerCtx<InferSchema<typeof game>>) => ctx.db.player.count();
    const leave = (ctx: ReducerCtx<typeof game.schemaType>) => ctx.db.player.clear();
    game.reducer((ctx) => {
      move(ctx);
      leave(ctx);
    });
  });

  it('may take any context', () => {
    // biome-ignore lint/suspicious/noExplicitAny: what modules write
    const helper = (ctx: ReducerCtx<any>) => ctx.db.whatever.insert({ id: 1 });
    game.reducer((ctx) => helper(ctx));
  });
});

describe('a view', () => {
  it('reads, and returns rows of its type or a query for them', () => {
    game.view({ public: true }, player.rowType.optional(), (ctx) => ctx.db.player.id.find(ctx.sender) ?? undefined);
    game.anonymousView({ public: true }, t.array(player.rowType), (ctx) => [...ctx.db.player.team.filter(3)]);
    game.anonymousView({ public: true }, t.array(player.rowType), (ctx) =>
      ctx.from.player.where((p) => p.team.eq(3).and(p.x.gt(0))),
    );
    // @ts-expect-error rows of another table
    game.anonymousView({ public: true }, t.array(player.rowType), (ctx) => ctx.from.due);
    // @ts-expect-error rows without all columns
    game.anonymousView({ public: true }, t.array(player.rowType), () => [{ x: 1 }]);
    // @ts-expect-error a view is public, and says so
    game.anonymousView({}, t.array(player.rowType), () => []);
  });

  it('does not write', () => {
    game.view({ public: true }, t.array(player.rowType), (ctx) => {
      // @ts-expect-error no rows come in
      ctx.db.player.insert;
      // @ts-expect-error nor go
      ctx.db.player.id.delete;
      return [];
    });
  });

  it('for everyone has no viewer', () => {
    game.anonymousView({ public: true }, player.rowType.optional(), (ctx) => {
      // @ts-expect-error whose would it be
      const { sender } = ctx;
      return ctx.db.player.id.find(sender) ?? undefined;
    });
  });

  it('compares columns with their values, and joins on indexed ones', () => {
    game.anonymousView({ public: true }, t.array(due.rowType), (ctx) => {
      // @ts-expect-error a team is a number
      ctx.from.player.where((p) => p.team.eq('red'));
      // @ts-expect-error x is not indexed
      ctx.from.player.leftSemijoin(ctx.from.due, (p, d) => p.x.eq(d.id));
      return ctx.from.player.rightSemijoin(ctx.from.due, (_p, d) => d.id.eq(3n));
    });
  });
});

describe('a module, to its clients,', () => {
  it('is its namespace', () => {
    expectTypeOf(defineModule(chat)).toEqualTypeOf<ModuleDefinition>();
    // @ts-expect-error the schema is not the module
    defineModule(game);
    // @ts-expect-error a module has a schema
    defineModule({ move: game.reducer(() => {}) });
  });

  it('has the reducers that they may call', () => {
    expectTypeOf<ReducersOf<typeof chat>>().toEqualTypeOf<{
      readonly set_name: { name: string };
      readonly send_message: { text: string };
    }>();
    expectTypeOf<ReducersOf<typeof accounts>['transfer']>().toEqualTypeOf<{
      from: number;
      to: number;
      amount: bigint;
    }>();
  });

  it('keeps what the database alone calls', () => {
    const tick = game.reducer({ onSchedule: due }, { row: due.rowType }, () => {});
    const move = game.reducer({ name: 'Move' }, { dx: t.f64() }, () => {});
    const module = { default: game, tick, move, init: game.init(() => {}), helper: () => {} };
    expectTypeOf<ReducersOf<typeof module>>().toEqualTypeOf<{ readonly move: { dx: number } }>();
  });

  it('has what its groups have', () => {
    const moves = game.exportGroup({ left: game.reducer({ by: t.f64() }, () => {}), begin: game.init(() => {}) });
    const more = game.exportGroup({ right: game.reducer(() => {}) });
    const module = { default: game, moves, more, jump: game.reducer(() => {}) };
    expectTypeOf<keyof ReducersOf<typeof module>>().toEqualTypeOf<'left' | 'right' | 'jump'>();
    expectTypeOf<ReducersOf<typeof module>['left']>().toEqualTypeOf<{ by: number }>();
  });

  it('has tables with rows', () => {
    expectTypeOf<TablesOf<typeof chat>>().toEqualTypeOf<{
      readonly user: { identity: Identity; name?: string | undefined; online: boolean };
      readonly message: { sender: Identity; sent: Timestamp; text: string };
    }>();
    expectTypeOf<TablesOf<typeof accounts>['accounts']>().toEqualTypeOf<{ id: number; balance: bigint }>();
  });
});
