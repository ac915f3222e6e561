/**
 * Where autoInc values come from, so that predictions of them come true.
 *
 * A client is lent ranges of values ahead of time and predicts from them in order; its call says which value it started
 * from (`idHints`), and the authority goes on from there. So the values of a client's calls depend on nothing that
 * others do, and a call that was refused or drew fewer values leaves a gap instead of shifting the next ones. Calls
 * without a lease, or that predicted nothing from it, draw from ranges that the authority lends to itself: a value taken
 * out of the client's would shift all that it predicts from then on.
 *
 * Law: a value is lent once. Every lease is in the log before a value of it can be seen, so a restart goes on after the
 * last lease; what was lent and not used is a gap (docs/decisions/0003-id-leases.md).
 */

import type { Call } from '../commit/call.ts';
import type { IdSource } from '../engine/engine.ts';
import { ForerunError } from '../errors.ts';
import type { ModuleDefinition, TableDefinition } from '../module/definition.ts';
import type { ColumnType } from '../value/column-type.ts';

export interface Lease {
  readonly tableId: number;
  readonly column: number;
  readonly clientNo: number;
  readonly from: bigint;
  /** Exclusive. */
  readonly to: bigint;
}

/** What is left of a holder's ranges for one column, in the order they were lent. */
export interface Holding {
  ranges: { from: bigint; to: bigint }[];
  /** So many more values may be lent to it. */
  allowance: bigint;
}

const none: readonly LentValue[] = [];
const databaseNo = 0;
const ownLeaseSize = 1024n;
/** Of a column of 64 bits and more a client holds so many values, less a quarter at worst: a burst made offline is foreseen by nobody. */
export const clientValues = 16_384n;
/** Of one of 32 bits, whose values are not so many. */
export const clientValuesNarrow = 1_024n;
/** A client that skips what it is lent is lent this many times what it may hold, and from there on so many values for each that it draws. */
const skippedTimesMax = 4n;
const drawnAllowance = 2n;
/** What a narrower type can hold is not lent ahead: it would be used up by gaps. */
const lendableMaxMin = 0x7fff_ffffn;

/** A value of a client's, drawn. */
export interface LentValue {
  readonly holding: Holding;
  readonly value: bigint;
}

export class IdLeases implements IdSource {
  /** First value never lent, by column. */
  readonly #next = new Map<string, bigint>();
  readonly #holdings = new Map<string, Holding>();
  readonly #log: (lease: Lease) => void;
  readonly #clientNoOf: (call: Call) => number;
  /** The call that drew last, and the holdings in which it has found its hint, with where its values end. */
  #call: Call | undefined;
  readonly #following = new Map<Holding, bigint | undefined>();
  #drawn: LentValue[] = [];

  /** `log` is called for each new lease, before any of its values is drawn. */
  constructor(log: (lease: Lease) => void, clientNoOf: (call: Call) => number) {
    this.#log = log;
    this.#clientNoOf = clientNoOf;
  }

  next(table: TableDefinition, column: number, call: Call): bigint {
    const holding = this.#holdings.get(holdingKey(table.tableId, column, this.#clientNoOf(call)));
    return (holding && this.#nextLent(holding, table.tableId, column, call)) ?? this.#nextOwn(table, column);
  }

  /** What clients' calls have drawn of their values since the last time. */
  takeDrawn(): readonly LentValue[] {
    if (this.#drawn.length === 0) return none;
    const drawn = this.#drawn;
    this.#drawn = [];
    return drawn;
  }

  /** The calls that drew these count as never received: when they come again, they draw the same. */
  giveBack(drawn: readonly LentValue[]): void {
    for (const { holding, value } of drawn.toReversed()) {
      const [first] = holding.ranges;
      if (first?.from === value + 1n) first.from = value;
      else holding.ranges.unshift({ from: value, to: value + 1n });
    }
  }

  /**
   * Lends a client as many values of a column as it lacks; undefined while it lacks few, when the type is too narrow to lend
   * from, or used up, and when the client has thrown away too many.
   */
  topUp(table: TableDefinition, column: number, clientNo: number): Lease | undefined {
    const wanted = valueMax(table.columns[column]?.type) > 0xffff_ffffn ? clientValues : clientValuesNarrow;
    const lacking = wanted - this.left(table.tableId, column, clientNo);
    if (lacking < wanted / 4n) return undefined;
    const holding = this.#holding(holdingKey(table.tableId, column, clientNo), wanted * skippedTimesMax);
    const size = lacking < holding.allowance ? lacking : holding.allowance;
    const lease = size === 0n ? undefined : this.lend(table, column, clientNo, size);
    if (lease !== undefined) holding.allowance -= size;
    return lease;
  }

  /** Lends a client so many more values, or what there is. */
  lend(table: TableDefinition, column: number, clientNo: number, size: bigint): Lease | undefined {
    const max = valueMax(table.columns[column]?.type);
    const next = this.#next.get(columnKey(table.tableId, column)) ?? 1n;
    if (max < lendableMaxMin || next > max) return undefined;
    return this.#lend(table, column, clientNo, size);
  }

  /** Values that a client still holds of a column. */
  left(tableId: number, column: number, clientNo: number): bigint {
    return this.heldBy(tableId, column, clientNo).reduce((sum, { from, to }) => sum + (to - from), 0n);
  }

  /** The ranges of these values, in the order they were lent. */
  heldBy(tableId: number, column: number, clientNo: number): Lease[] {
    const ranges = this.#holdings.get(holdingKey(tableId, column, clientNo))?.ranges ?? [];
    return ranges.map((range) => ({ tableId, column, clientNo, ...range }));
  }

  /** As read from the log or a checkpoint. */
  restore(lease: Lease): void {
    const column = columnKey(lease.tableId, lease.column);
    if ((this.#next.get(column) ?? 1n) < lease.to) this.#next.set(column, lease.to);
    // Own values may have been used before the stop; only clients know what they used.
    if (lease.clientNo !== databaseNo && lease.from < lease.to) this.#hold(lease);
  }

  /** A row with this value was committed by the holder: as read from the log. */
  noteUsed(tableId: number, column: number, clientNo: number, value: bigint): void {
    const holding = this.#holdings.get(holdingKey(tableId, column, clientNo));
    if (holding === undefined) return;
    skipTo(holding, value);
    if (holding.ranges[0]?.from === value) draw(holding);
  }

  /** What a checkpoint keeps: what each client still holds, and per column an empty lease up to the next value. */
  snapshot(): Lease[] {
    const leases: Lease[] = [];
    for (const [key, next] of this.#next) {
      const [tableId, column] = key.split('.').map(Number) as [number, number];
      leases.push({ tableId, column, clientNo: databaseNo, from: next, to: next });
    }
    for (const [key, { ranges }] of this.#holdings) {
      const [column, clientNo] = key.split('/') as [string, string];
      const [tableId, position] = column.split('.').map(Number) as [number, number];
      if (Number(clientNo) === databaseNo) continue;
      for (const range of ranges) leases.push({ tableId, column: position, clientNo: Number(clientNo), ...range });
    }
    return leases;
  }

  /** From the call's hint on, if it is one at values that the client holds, up to where it says that they end. */
  #nextLent(holding: Holding, tableId: number, column: number, call: Call): bigint | undefined {
    if (call !== this.#call) {
      this.#call = call;
      this.#following.clear();
    }
    if (!this.#following.has(holding)) {
      const [first, end] = call.idHints.filter((each) => each.tableId === tableId && each.column === column);
      if (first === undefined || !skipTo(holding, first.first)) return undefined;
      this.#following.set(holding, end?.first);
    }
    // What lies behind is what the client's next calls were predicted with.
    const end = this.#following.get(holding);
    if (end !== undefined && (holding.ranges[0]?.from ?? end) >= end) return undefined;
    const value = draw(holding);
    if (value === undefined) return undefined;
    this.#drawn.push({ holding, value });
    holding.allowance += drawnAllowance;
    return value;
  }

  #nextOwn(table: TableDefinition, column: number): bigint {
    const key = holdingKey(table.tableId, column, databaseNo);
    const held = this.#holdings.get(key);
    const id = held === undefined ? undefined : draw(held);
    if (id !== undefined) return id;
    const max = valueMax(table.columns[column]?.type);
    this.#lend(table, column, databaseNo, max < lendableMaxMin ? 1n : ownLeaseSize);
    return draw(this.#holdings.get(key) as Holding) as bigint;
  }

  #lend(table: TableDefinition, column: number, clientNo: number, size: bigint): Lease {
    const key = columnKey(table.tableId, column);
    const from = this.#next.get(key) ?? 1n;
    const max = valueMax(table.columns[column]?.type);
    if (from > max) {
      throw new ForerunError(
        'auto-inc-overflow',
        `${table.accessor}.${table.columns[column]?.field}: all values up to ${max} have been used. Use a wider type.`,
      );
    }
    const to = from + size > max + 1n ? max + 1n : from + size;
    const lease = { tableId: table.tableId, column, clientNo, from, to };
    this.#next.set(key, to);
    this.#hold(lease);
    this.#log(lease);
    return lease;
  }

  #hold({ tableId, column, clientNo, from, to }: Lease): void {
    this.#holding(holdingKey(tableId, column, clientNo), clientValues * skippedTimesMax).ranges.push({ from, to });
  }

  #holding(key: string, allowance: bigint): Holding {
    let holding = this.#holdings.get(key);
    if (holding === undefined) this.#holdings.set(key, (holding = { ranges: [], allowance }));
    return holding;
  }
}

/** Columns that values are lent for. */
export function leasedColumns(definition: ModuleDefinition): { table: TableDefinition; column: number }[] {
  return definition.tables
    .filter((table) => table.public)
    .flatMap((table) =>
      table.columns.flatMap(({ autoInc, type }, column) =>
        autoInc && valueMax(type) >= lendableMaxMin ? [{ table, column }] : [],
      ),
    );
}

/** Drops what lies before `value`; false when the holder doesn't hold it at all. */
function skipTo(holding: Holding, value: bigint): boolean {
  const index = holding.ranges.findIndex(({ from, to }) => value >= from && value < to);
  if (index < 0) return false;
  holding.ranges.splice(0, index);
  const [range] = holding.ranges;
  if (range !== undefined) range.from = value;
  return true;
}

function draw(holding: Holding): bigint | undefined {
  const [range] = holding.ranges;
  if (range === undefined) return undefined;
  const id = range.from++;
  if (range.from === range.to) holding.ranges.shift();
  return id;
}

function columnKey(tableId: number, column: number): string {
  return `${tableId}.${column}`;
}

function holdingKey(tableId: number, column: number, clientNo: number): string {
  return `${tableId}.${column}/${clientNo}`;
}

const maxima: { readonly [name: string]: bigint } = {
  i8: 0x7fn,
  u8: 0xffn,
  i16: 0x7fffn,
  u16: 0xffffn,
  i32: 0x7fff_ffffn,
  u32: 0xffff_ffffn,
  i64: 0x7fff_ffff_ffff_ffffn,
};

/** Wider types are counted as far as the end of a lease can be written in 64 bits. */
function valueMax(type: ColumnType | undefined): bigint {
  return maxima[type?.type ?? ''] ?? 0xffff_ffff_ffff_fffen;
}
