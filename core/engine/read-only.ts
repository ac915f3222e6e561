/**
 * `ctx.db` of a view: the tables that are stored, with what reads them.
 *
 * Law: nothing that is reached from here writes. Rows that go with a connection or a call are in no commit, so a view
 * that read them would not be told of their changes; it is told so itself instead.
 */

import { ForerunError } from '../errors.ts';
import type { TableDefinition } from '../module/definition.ts';

type Members = Readonly<Record<string | symbol, unknown>>;

const reading: readonly string[] = ['find', 'filter', 'count', 'iter'];

/** `db`: what reducers have. */
export function readOnlyDb(db: object, tables: readonly TableDefinition[]): object {
  const readOnly = {};
  for (const { accessor, event, ephemeral, view } of tables) {
    if (view !== undefined) continue;
    const get = event || ephemeral ? () => refuse(accessor) : () => readers(Reflect.get(db, accessor) as Members);
    const value = event || ephemeral ? undefined : get();
    Object.defineProperty(readOnly, accessor, { enumerable: true, get: value === undefined ? get : () => value });
  }
  return Object.freeze(readOnly);
}

function readers(access: Members): object {
  const members: Record<string | symbol, unknown> = {};
  for (const [name, member] of Object.entries(access)) {
    if (typeof member === 'object' && member !== null) members[name] = indexReaders(member as Members);
    else if (reading.includes(name)) members[name] = member;
  }
  members[Symbol.iterator] = access[Symbol.iterator];
  return Object.freeze(members);
}

function indexReaders(index: Members): object {
  return Object.freeze(Object.fromEntries(Object.entries(index).filter(([name]) => reading.includes(name))));
}

function refuse(accessor: string): never {
  throw new ForerunError(
    'query-invalid',
    `A view can not read the table '${accessor}': its rows are events, or go with their connection.`,
  );
}
