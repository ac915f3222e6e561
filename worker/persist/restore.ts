/**
 * A client's start from what it has kept: rows, leases and the calls that were not answered, brought to the module that
 * it has now.
 *
 * Law: nothing that the user did is dropped. Rows that can't be read are fetched again; a call that this module can't take
 * is handed to the app.
 */

import { compileCodec } from '../../core/codec/bsatn.ts';
import { ByteReader, ByteWriter } from '../../core/codec/bytes.ts';
import { compileCanonical } from '../../core/codec/canonical.ts';
import type { Call, Position } from '../../core/commit/call.ts';
import type { RowChange } from '../../core/commit/row-change.ts';
import { decodeChange } from '../../core/engine/change-codec.ts';
import { Engine, type EngineOptions } from '../../core/engine/engine.ts';
import type { ModuleDefinition, ReducerDefinition, TableDefinition } from '../../core/module/definition.ts';
import { isSameType } from '../../core/module/same-type.ts';
import { ConnectionId } from '../../core/value/connection-id.ts';
import { Identity } from '../../core/value/identity.ts';
import type { ProductType } from '../../core/value/column-type.ts';
import type { CallOrigin } from '../callers.ts';
import type { StoredCall, StoredModule, StoredReplica, StoredTable, StoredUnsendable } from './stored-format.ts';

export interface Restored {
  readonly engine: Engine;
  /** The rows are those of this position, with nothing predicted. Without one they are to be shown, and replaced. */
  readonly position: Position | undefined;
  readonly hasRows: boolean;
  /** In order; to be run again. */
  readonly calls: readonly { readonly call: Call; readonly origin: CallOrigin }[];
  /** Calls of another module than this one: their records are to be written anew. */
  readonly isOtherModule: boolean;
  /** Of them, those whose arguments have another form now. */
  readonly rewritten: readonly StoredCall[];
  /** And those that this module can't take. */
  readonly unsendable: readonly { readonly callId: number; readonly call: StoredUnsendable }[];
}

export function describeStored({ hash, tables, reducers }: ModuleDefinition): StoredModule {
  return {
    hash,
    tables: tables
      .filter((table) => table.public)
      .map(({ tableId, name, columns, primaryKey }) => ({
        tableId,
        name,
        columns: columns.map(({ name: column, field, type }) => ({ name: column, field, type })),
        primaryKey,
      })),
    reducers: Object.fromEntries(reducers.map(({ name, params }) => [name, params])),
  };
}

export interface RestoreOptions {
  readonly stored: StoredReplica;
  /** Who made the calls is known, and is who starts. */
  readonly isOwn: boolean;
  readonly definition: ModuleDefinition;
  readonly engineOptions: EngineOptions;
}

export async function restore({ stored, isOwn, definition, engineOptions }: RestoreOptions): Promise<Restored> {
  const { state, module, rows } = stored;
  const isOtherModule = module !== undefined && module.hash !== definition.hash;
  const tableIds = module === undefined ? undefined : commonTables(module, definition);
  const engine =
    rows === undefined || tableIds === undefined
      ? undefined
      : await openRows(rows, tableIds, definition, engineOptions);
  const { calls, unsendable, rewritten } = takenCalls(stored, isOwn, definition);
  return {
    engine: engine ?? (await Engine.open(engineOptions)),
    hasRows: engine !== undefined,
    position:
      engine === undefined || isOtherModule || state?.epoch === undefined || state.seq === undefined
        ? undefined
        : { epoch: state.epoch, seq: state.seq },
    calls,
    isOtherModule,
    rewritten,
    unsendable,
  };
}

/** Undefined when the rows are damaged after all. */
async function openRows(
  { image, changes }: NonNullable<StoredReplica['rows']>,
  tableIds: ReadonlyMap<number, number>,
  definition: ModuleDefinition,
  options: EngineOptions,
): Promise<Engine | undefined> {
  let engine: Engine | undefined;
  try {
    const opened = await Engine.open({ ...options, image });
    engine = opened;
    for (const bytes of changes) opened.apply(readChanges(bytes, opened, tableIds));
    // They were of connections that are over.
    for (const { tableId, ephemeral } of definition.tables) if (ephemeral) opened.store(tableId).reset();
    return opened;
  } catch {
    engine?.close();
    return undefined;
  }
}

function readChanges(bytes: Uint8Array, engine: Engine, tableIds: ReadonlyMap<number, number>): RowChange[] {
  const reader = new ByteReader(bytes);
  const newId = (tableId: number): number => tableIds.get(tableId) ?? reader.refuse(`table number ${tableId}`);
  const changes: RowChange[] = [];
  while (reader.remaining > 0) {
    const change = decodeChange(reader, (tableId) => engine.shape(newId(tableId)));
    changes.push({ ...change, tableId: newId(change.tableId) });
  }
  return changes;
}

/** Ids of the stored tables in this module; undefined when one of them is another table now, or gone. */
function commonTables(module: StoredModule, definition: ModuleDefinition): Map<number, number> | undefined {
  const ids = new Map<number, number>();
  for (const before of module.tables) {
    const now = definition.tables.find(({ name }) => name === before.name);
    if (now === undefined || !isSameTable(before, now)) return undefined;
    ids.set(before.tableId, now.tableId);
  }
  return ids;
}

function isSameTable(before: StoredTable, now: TableDefinition): boolean {
  return (
    before.primaryKey === now.primaryKey &&
    before.columns.length === now.columns.length &&
    before.columns.every(({ name, type }, i) => {
      const column = now.columns[i];
      return column?.name === name && isSameType(column.type, type);
    })
  );
}

function takenCalls(
  { calls, module, state, unheardFrom }: StoredReplica,
  isOwn: boolean,
  definition: ModuleDefinition,
): { calls: Restored['calls'][number][]; unsendable: Restored['unsendable'][number][]; rewritten: StoredCall[] } {
  const taken: Restored['calls'][number][] = [];
  const unsendable: Restored['unsendable'][number][] = [];
  const rewritten: StoredCall[] = [];
  // Its record can't be read, but it is known to be this one.
  const isThisOne = module === undefined && state?.moduleHash === definition.hash;
  for (const stored of calls) {
    const params = isThisOne
      ? definition.reducers.find(({ name }) => name === stored.reducer)?.params
      : module?.reducers[stored.reducer];
    const result = isOwn ? argsFor(stored, params, definition) : { reason: strangers };
    if ('args' in result) {
      taken.push({ call: callOf(stored, result.reducer, result.args), origin: stored });
      if (result.isConverted) rewritten.push({ ...stored, args: encoded(result.reducer, result.args) });
    } else unsendable.push({ callId: stored.callId, call: unsendableOf(stored, params, result.reason, unheardFrom) });
  }
  return { calls: taken, unsendable, rewritten };
}

/** They may have been sent under a name that nobody knows any more. */
const strangers = 'What tells who made it was damaged on this device.';

function argsFor(
  { reducer: name, args }: StoredCall,
  params: ProductType | undefined,
  { reducers }: ModuleDefinition,
):
  | { readonly reducer: ReducerDefinition; readonly args: unknown; readonly isConverted: boolean }
  | { readonly reason: string } {
  const reducer = reducers.find((each) => each.name === name);
  if (reducer === undefined) return { reason: `This version of the app has no reducer '${name}' any more.` };
  if (params === undefined) return { reason: 'What its arguments mean was not kept.' };
  try {
    const reader = new ByteReader(args);
    const value = compileCodec(params).decode(reader);
    reader.expectEnd();
    if (isSameType(params, reducer.params)) return { reducer, args: value, isConverted: false };
    const lost = params.fields.find((field) => !reducer.params.fields.some((each) => each.name === field.name));
    if (lost !== undefined) return { reason: `The reducer '${name}' takes no '${lost.name}' any more.` };
    return { reducer, args: compileCanonical(reducer.params, 'args-invalid')(value, name), isConverted: true };
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) };
  }
}

function encoded({ params }: ReducerDefinition, args: unknown): Uint8Array {
  const writer = new ByteWriter();
  compileCodec(params).encode(writer, args as never);
  return writer.take();
}

function callOf(stored: StoredCall, { reducerId }: ReducerDefinition, args: unknown): Call {
  return {
    clientId: stored.clientId,
    callId: stored.callId,
    reducerId,
    args,
    timestampMicros: stored.timestampMicros,
    proposedMicros: stored.timestampMicros,
    sender: new Identity(stored.sender),
    connectionId: stored.connectionId === undefined ? null : new ConnectionId(stored.connectionId),
    idHints: [...stored.idHints],
  };
}

function unsendableOf(
  stored: StoredCall,
  params: ProductType | undefined,
  reason: string,
  unheardFrom: number | undefined,
): StoredUnsendable {
  return {
    callId: stored.callId,
    sent: unheardFrom !== undefined && stored.callId >= unheardFrom ? 'no' : 'maybe',
    reducer: stored.reducer,
    params: params ?? { type: 'product', fields: [] },
    args: [...stored.args],
    timestampMicros: stored.timestampMicros,
    reason,
  };
}
