import { describe, expect, it } from 'vitest';
import * as arena from '../../demo/arena/module.ts';
import * as chatDemo from '../../demo/chat/module.ts';
import * as flights from '../../demo/flights/module.ts';
import * as pad from '../../demo/pad/module.ts';
import { hallModule } from '../session/views.testing.ts';
import * as bank from './accounts.testing.ts';
import * as chat from './chat.testing.ts';
import { t } from './column.ts';
import type { ModuleExports } from './module.ts';
import type { ModuleExport } from './module-export.ts';
import { resolveModule } from './module-shape.ts';
import { pageModule } from './page-module.ts';
import { CaseConversionPolicy, schema } from './schema.ts';
import { table } from './table.ts';

const nothing = (): void => {};

function odd(): ModuleExports {
  const lastSeen = table({}, { userId: t.u64().primaryKey().autoInc(), HTTPPort: t.u16().name('port') });
  const due = table({ scheduled: (): ModuleExport => run }, { id: t.u64().primaryKey().autoInc(), at: t.scheduleAt() });
  const later = table({ public: true }, t.row('Later', { id: t.u64().primaryKey().autoInc(), at: t.scheduleAt() }));
  const keyless = table({ public: true, event: true }, { kind: t.enum('Kind', ['a', 'b']), list: t.array(t.string()) });
  const game = schema({ lastSeen, due, later, keyless });
  const run = game.reducer({ row: due.rowType }, nothing);
  const runLater = game.reducer({ onSchedule: later }, { row: later.rowType }, nothing);
  const zoom = game.reducer({ name: 'a_first' }, { to: t.option(t.f32()) }, nothing);
  const begin = game.init(nothing);
  const kept = game.reducer({ predict: false }, nothing);
  const zuluTime = game.view({ name: 'b_view', public: true }, t.array(lastSeen.rowType), () => []);
  const plain = t.object('Plain', { lastName: t.string() });
  const AView = game.anonymousView({ public: true }, t.option(plain), () => undefined);
  return { default: game, run, runLater, zuluTime, group: game.exportGroup({ zoom, kept, AView }), begin, other: 5 };
}

function unchanged(): ModuleExports {
  const lastSeen = table({ public: true }, { userId: t.u32() });
  const game = schema({ lastSeen }, { CASE_CONVERSION_POLICY: CaseConversionPolicy.None });
  return { default: game, setName: game.reducer({ newName: t.string() }, nothing) };
}

describe('[MOD-6] what a page takes a module for', () => {
  it.each<[string, ModuleExports]>([
    ['bank', bank],
    ['chat', chat],
    ['arena', arena],
    ['chat of the demos', chatDemo],
    ['flights', flights],
    ['pad', pad],
    ['views', hallModule],
    ['schedules, groups and names of every kind', odd()],
    ['names as they are', unchanged()],
  ])('%s is what resolving it gives', (_, module) => {
    const resolved = resolveModule(module);
    const { tables, reducers } = pageModule(module);
    expect(resolved.tables).toMatchObject(tables.map(({ columns, ...table }) => table));
    expect(tables.map(({ columns }) => columns)).toEqual(
      resolved.tables.map(({ columns }) => columns.map(({ field, name, type }) => ({ field, name, type }))),
    );
    expect(reducers).toEqual(resolved.reducers.map(({ run, ...reducer }) => reducer));
  });
});
