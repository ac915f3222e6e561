/**
 * What a module has for its clients, by name: enough for a client with another version of it to see whether the two
 * understand each other, and how they differ.
 *
 * Law: when `differences` finds nothing that breaks, every row of the client's tables and every argument of its reducers
 * has the same bytes on both sides. What is private is in no outline.
 */

import type { ModuleShape } from './module-shape.ts';
import { typeText } from './type-text.ts';

export interface ModuleOutline {
  readonly hash: string;
  /** Those that clients may see, views included. */
  readonly tables: readonly TableOutline[];
  /** Those that clients may call. */
  readonly reducers: readonly ReducerOutline[];
}

export interface TableOutline {
  readonly tableId: number;
  readonly name: string;
  readonly kind: TableKind;
  readonly columns: readonly NamedType[];
  readonly primaryKey: number | undefined;
}

/** Their places are their numbers on the wire. */
export const tableKinds = ['stored', 'event', 'ephemeral', 'view'] as const;
export type TableKind = (typeof tableKinds)[number];

export interface ReducerOutline {
  readonly reducerId: number;
  readonly name: string;
  readonly params: readonly NamedType[];
}

export interface NamedType {
  readonly name: string;
  /** As `typeText` writes it. */
  readonly type: string;
}

export function outlineOf({ tables, reducers }: ModuleShape, hash: string): ModuleOutline {
  return {
    hash,
    tables: tables
      .filter((table) => table.public)
      .map(({ tableId, name, event, ephemeral, view, columns, primaryKey }) => ({
        tableId,
        name,
        kind: view !== undefined ? 'view' : event ? 'event' : ephemeral ? 'ephemeral' : 'stored',
        columns: columns.map(named),
        primaryKey,
      })),
    reducers: reducers
      .filter(({ lifecycle, scheduledTableId }) => lifecycle === undefined && scheduledTableId === undefined)
      .map(({ reducerId, name, params }) => ({ reducerId, name, params: params.fields.map(named) })),
  };
}

function named({ name, type }: { readonly name: string; readonly type: Parameters<typeof typeText>[0] }): NamedType {
  return { name, type: typeText(type) };
}

export interface ModuleDifferences {
  /** Why a client of the first can't work with an authority of the second. */
  readonly breaking: readonly string[];
  /** What the second has besides. */
  readonly added: readonly string[];
}

/** Sentences for people, each naming what it is about. */
export function differences(client: ModuleOutline, authority: ModuleOutline): ModuleDifferences {
  const tables = byName(authority.tables);
  const reducers = byName(authority.reducers);
  const knownTables = byName(client.tables);
  const knownReducers = byName(client.reducers);
  return {
    breaking: [
      ...client.tables.flatMap((mine) => tableDifference(mine, tables.get(mine.name))),
      ...client.reducers.flatMap((mine) => reducerDifference(mine, reducers.get(mine.name))),
    ],
    added: [
      ...authority.tables.filter(({ name }) => !knownTables.has(name)).map(({ name }) => `table '${name}' is new`),
      ...authority.reducers
        .filter(({ name }) => !knownReducers.has(name))
        .map(({ name }) => `reducer '${name}' is new`),
    ],
  };
}

function byName<T extends { readonly name: string }>(list: readonly T[]): Map<string, T> {
  return new Map(list.map((each) => [each.name, each]));
}

function tableDifference(mine: TableOutline, theirs: TableOutline | undefined): string[] {
  const table = `table '${mine.name}'`;
  if (theirs === undefined) return [`${table} is gone, or no longer public`];
  if (mine.kind !== theirs.kind) return [`${table} was ${kindText[mine.kind]} and is ${kindText[theirs.kind]}`];
  const columns = listDifference('column', table, mine.columns, theirs.columns);
  if (columns.length === 0 && mine.primaryKey !== theirs.primaryKey) return [`${table} has another primary key`];
  return columns;
}

const kindText: Readonly<Record<TableKind, string>> = {
  stored: 'a table of kept rows',
  event: 'an event table',
  ephemeral: 'ephemeral',
  view: 'a view',
};

function reducerDifference(mine: ReducerOutline, theirs: ReducerOutline | undefined): string[] {
  const reducer = `reducer '${mine.name}'`;
  if (theirs === undefined) return [`${reducer} is gone, or can't be called any more`];
  return listDifference('parameter', reducer, mine.params, theirs.params);
}

/** Of columns or parameters, whose places are those of their bytes. */
function listDifference(
  what: string,
  owner: string,
  mine: readonly NamedType[],
  theirs: readonly NamedType[],
): string[] {
  const found: string[] = [];
  for (const { name, type } of mine) {
    const now = theirs.find((each) => each.name === name);
    if (now === undefined) found.push(`${what} '${name}' of ${owner} is gone`);
    else if (now.type !== type) found.push(`${what} '${name}' of ${owner} was ${type} and is ${now.type}`);
  }
  for (const { name } of theirs)
    if (!mine.some((each) => each.name === name)) found.push(`${what} '${name}' of ${owner} is new`);
  if (found.length === 0 && mine.some(({ name }, i) => theirs[i]?.name !== name))
    found.push(`the ${what}s of ${owner} have another order`);
  return found;
}
