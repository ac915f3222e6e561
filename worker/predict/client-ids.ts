/**
 * Predicted autoInc values: drawn in order from the ranges that the authority has lent to this client, so that they come
 * true (`core/authority/id-lease.ts`).
 *
 * Law: what a call has drawn it draws again in every later run, so that a replay makes the same rows. The first lent
 * value it draws of a column is its hint, and a second one says where those end that follow. No run draws what another
 * pending call holds. Without a lease the values are stand-ins from the far end of the type, which
 * the authority's answer replaces.
 */

import type { Call, IdHint } from '../../core/commit/call.ts';
import type { IdSource } from '../../core/engine/engine.ts';
import type { TableDefinition } from '../../core/module/definition.ts';

interface ColumnIds {
  /** Ascending, as they were lent; kept after use, because calls may go on behind what they drew. */
  readonly ranges: { readonly from: bigint; readonly to: bigint }[];
  /** No call has drawn this value or a later one. */
  next: bigint;
  standIns: bigint;
}

/** Older ranges are dropped; a replay that would need them predicts other values, which the authority's answer replaces. */
const rangesMax = 1_000;
/** Of those that are used up, as many are kept for the next start: its pending calls may go on behind what they drew. */
const rangesKept = 100;

/** Values that are lent to this client, by `tableId.column`; bigints as text. */
export type StoredIds = Readonly<
  Record<string, { readonly ranges: readonly (readonly [string, string])[]; readonly next: string }>
>;

export class ClientIds implements IdSource {
  readonly #columns = new Map<string, ColumnIds>();
  /** What each call has drawn, by column. */
  readonly #drawn = new WeakMap<Call, Map<string, bigint[]>>();
  /** How many values the run at hand has drawn, by column. */
  readonly #counts = new Map<string, number>();
  /** What the run at hand has drawn for the first time, as steps back. */
  #steps: (() => void)[] = [];

  lend(tableId: number, column: number, from: bigint, to: bigint): void {
    const { ranges } = this.#column(`${tableId}.${column}`);
    // Told again by a new connection; some of it may have been used by then.
    if (ranges.some((range) => range.to === to)) return;
    ranges.push({ from, to });
    if (ranges.length > rangesMax) ranges.shift();
  }

  /** Values lent by another incarnation of the database are worth nothing. */
  forget(): void {
    this.#columns.clear();
  }

  /** What a later start goes on from: calls that are not answered then bring their hints. */
  snapshot(): StoredIds {
    const columns: Record<string, StoredIds[string]> = {};
    for (const [key, { ranges, next }] of this.#columns) {
      const left = ranges.filter(({ to }) => to > next);
      const earlier = ranges.filter(({ to }) => to <= next).slice(-rangesKept);
      columns[key] = {
        ranges: [...earlier, ...left].map(({ from, to }) => [String(from), String(to)]),
        next: String(next),
      };
    }
    return columns;
  }

  restore(columns: StoredIds): void {
    for (const [key, { ranges, next }] of Object.entries(columns)) {
      const column = this.#column(key);
      column.ranges.push(...ranges.map(([from, to]) => ({ from: BigInt(from), to: BigInt(to) })));
      column.next = BigInt(next);
    }
  }

  /** Whether this is a value that the call has drawn, and not one that its caller has thought of. */
  drew(call: Call, tableId: number, column: number, value: bigint): boolean {
    return this.#drawn.get(call)?.get(`${tableId}.${column}`)?.includes(value) === true;
  }

  /** The next draws are of a new run. */
  begin(): void {
    if (this.#counts.size > 0) this.#counts.clear();
    if (this.#steps.length > 0) this.#steps = [];
  }

  /** The run at hand doesn't count: what it drew for the first time has not been drawn. */
  takeBack(): void {
    for (const back of this.#steps.reverse()) back();
    this.#steps = [];
  }

  next(table: TableDefinition, column: number, call: Call): bigint {
    const key = `${table.tableId}.${column}`;
    const drawn = this.#drawnBy(call, key);
    const count = this.#counts.get(key) ?? 0;
    this.#counts.set(key, count + 1);
    const known = drawn[count];
    if (known !== undefined) return known;
    const last = drawn.at(-1);
    const [hint, end] = call.idHints.filter((each) => each.tableId === table.tableId && each.column === column);
    const { next } = this.#column(key);
    const following = last === undefined ? hint?.first : last + 1n;
    // Values behind the call's own are those of the calls after it, unless none of them has drawn any.
    const isFree = following !== undefined && (end === undefined || following < end.first || following >= next);
    const id = this.#draw(key, isFree ? following : undefined) ?? this.#standIn(table, column, key);
    drawn.push(id.value);
    this.#steps.push(() => drawn.pop(), id.back);
    if (id.isLent) this.#hint(call, { tableId: table.tableId, column, first: id.value }, end, next);
    return id.value;
  }

  /** Says where the call's values begin and end: what lies between is its alone. */
  #hint({ idHints }: Call, hint: IdHint, end: IdHint | undefined, next: bigint): void {
    const behind = { ...hint, first: hint.first + 1n };
    const isFirst = !idHints.some((each) => each.tableId === hint.tableId && each.column === hint.column);
    if (isFirst) {
      idHints.push(hint, behind);
      this.#steps.push(() => idHints.splice(-2));
    } else if (end !== undefined && end.first === next && hint.first >= next) {
      const at = idHints.indexOf(end);
      idHints[at] = behind;
      this.#steps.push(() => {
        idHints[at] = end;
      });
    }
  }

  /** The first lent value from `from` on, or the first that no call has drawn. */
  #draw(key: string, from: bigint | undefined): Drawn | undefined {
    const ids = this.#column(key);
    const { next } = ids;
    const cursor = from ?? next;
    const range = ids.ranges.find(({ to }) => cursor < to);
    if (range === undefined) return undefined;
    // biome-ignore lint/complexity/useMathMinMax: Math.max takes no bigints
    const value = cursor < range.from ? range.from : cursor;
    if (value >= next) ids.next = value + 1n;
    return {
      value,
      isLent: true,
      back: () => {
        ids.next = next;
      },
    };
  }

  #standIn(table: TableDefinition, column: number, key: string): Drawn {
    const ids = this.#column(key);
    const max = standInMax(table.columns[column]?.type.type ?? '');
    // Half of a narrow type is enough for all that can be pending at a time.
    const value = max - (ids.standIns++ % (max / 2n));
    return {
      value,
      isLent: false,
      back: () => {
        ids.standIns--;
      },
    };
  }

  #drawnBy(call: Call, key: string): bigint[] {
    let columns = this.#drawn.get(call);
    if (columns === undefined) this.#drawn.set(call, (columns = new Map()));
    let drawn = columns.get(key);
    if (drawn === undefined) columns.set(key, (drawn = []));
    return drawn;
  }

  #column(key: string): ColumnIds {
    let ids = this.#columns.get(key);
    if (ids === undefined) this.#columns.set(key, (ids = { ranges: [], next: 0n, standIns: 0n }));
    return ids;
  }
}

interface Drawn {
  readonly value: bigint;
  readonly isLent: boolean;
  /** It has not been drawn. */
  readonly back: () => void;
}

function standInMax(type: string): bigint {
  const bits = { i8: 7n, u8: 8n, i16: 15n, u16: 16n, i32: 31n, u32: 32n }[type];
  return (1n << (bits ?? 52n)) - 1n;
}
