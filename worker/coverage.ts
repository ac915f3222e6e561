/**
 * Which rows are here: what a prediction may read without guessing.
 *
 * A read is covered when every row that it could find is in an applied subscription. What a prediction reads beyond that
 * may exist at the authority and not here, so what it did is a guess; and what it writes beyond that nobody tells of here.
 */

import type { Call } from '../core/commit/call.ts';
import type { Key, Row, RowChange } from '../core/commit/row-change.ts';
import type { Engine } from '../core/engine/engine.ts';
import type { KeyRange, ReadSet } from '../core/engine/read-set.ts';
import type { ModuleDefinition, TableDefinition } from '../core/module/definition.ts';
import { conjuncts, type Expression, isTrue } from '../core/query/expression.ts';
import { type QueryPlan, resultTable } from '../core/query/plan.ts';
import { type Predicate, predicate } from '../core/query/predicate.ts';
import { filters } from './late-code.ts';

/** Tells the ids that a call has drawn. */
export interface DrawnIds {
  readonly drew: (call: Call, tableId: number, column: number, value: bigint) => boolean;
}

interface Held {
  readonly plan: QueryPlan;
  readonly test: Predicate;
}

export class Coverage {
  #byTable = new Map<number, Held[]>();
  /** Tables of which the authority may hold rows back from this viewer. */
  readonly #restricted: ReadonlySet<number>;
  readonly #ids: DrawnIds;

  constructor(definition: ModuleDefinition, ids: DrawnIds) {
    this.#ids = ids;
    const plans = definition.visibilityFilters.length === 0 ? [] : filters.code.filterPlans(definition);
    this.#restricted = new Set(plans.map((plan) => resultTable(plan).tableId));
  }

  /** What the applied subscriptions ask for. */
  set(plans: readonly QueryPlan[]): void {
    this.#byTable = new Map();
    for (const plan of plans) {
      const { tableId } = resultTable(plan);
      const known = this.#byTable.get(tableId);
      const held = { plan, test: predicate(plan.where) };
      if (known === undefined) this.#byTable.set(tableId, [held]);
      else known.push(held);
    }
  }

  /** Some of the table's rows are here. */
  has({ tableId }: TableDefinition): boolean {
    return this.#byTable.has(tableId);
  }

  /** Why what a run of the call did is a guess; undefined when it isn't. */
  guess(engine: Engine, call: Call, reads: ReadSet, changes: readonly RowChange[]): string | undefined {
    for (const tableId of [...reads.scans, ...reads.counts])
      if (!this.#isWhole(tableId)) return reason(engine, tableId, 'all rows');
    for (const { tableId, range } of reads.ranges)
      if (!this.#isWhole(tableId) && !this.#coversRange(tableId, range))
        return reason(engine, tableId, `rows by ${range.index.definition.accessor}`);
    for (const [i, key] of reads.pointKeys.entries()) {
      const tableId = reads.pointTables[i] as number;
      if (!this.#isWhole(tableId) && !this.#knows(engine, call, tableId, key, changes))
        return reason(engine, tableId, `the row ${String(key)}`);
    }
    return undefined;
  }

  #isWhole(tableId: number): boolean {
    if (this.#restricted.has(tableId)) return false;
    return this.#byTable.get(tableId)?.some(({ plan }) => plan.sources.length === 1 && isTrue(plan.where)) === true;
  }

  /** A row that is here is known, and so is its absence where a subscription would hold it. */
  #knows(engine: Engine, call: Call, tableId: number, key: Key, changes: readonly RowChange[]): boolean {
    const own = changes.find((change) => change.tableId === tableId && change.key === key);
    if (own === undefined ? engine.store(tableId).has(key) : own.before !== undefined) return true;
    const { keyColumn, table } = engine.shape(tableId);
    if (keyColumn === undefined) return false;
    const value = keyColumn.valueOf(key);
    // An id that was drawn is nobody else's; one that the caller gives may be.
    const column = table.primaryKey ?? -1;
    if (own !== undefined && table.columns[column]?.autoInc === true)
      if (this.#ids.drew(call, tableId, column, BigInt(value as bigint | number))) return true;
    const row = { [keyColumn.field]: value };
    return this.#covers(tableId, new Set([keyColumn.field]), row);
  }

  #coversRange(tableId: number, { index, equal }: KeyRange): boolean {
    const parts = index.parts.slice(0, equal.length);
    const row = Object.fromEntries(parts.map((part, i) => [part.field, part.valueOf(equal[i] as Key)]));
    return this.#covers(tableId, new Set(parts.map(({ field }) => field)), row);
  }

  /** Some subscription asks of no other column than these, and holds a row with these values. */
  #covers(tableId: number, fields: ReadonlySet<string>, row: Readonly<Record<string, unknown>>): boolean {
    if (this.#restricted.has(tableId)) return false;
    return (this.#byTable.get(tableId) ?? []).some(
      ({ plan, test }) =>
        plan.sources.length === 1 &&
        conjuncts(plan.where).every((part) => fieldsOf(part).every((field) => fields.has(field))) &&
        fieldsOf(plan.where).length > 0 &&
        test([row], undefined),
    );
  }

  /**
   * What the authority says here of such a change: that the row is gone where it has left what is subscribed to, and
   * nothing where it never was in it. A row whose place can't be told from itself alone counts as subscribed to.
   */
  told(change: RowChange): RowChange | undefined {
    if (this.#mayHold(change.tableId, change.after)) return change;
    return this.#mayHold(change.tableId, change.before) ? { ...change, after: undefined } : undefined;
  }

  #mayHold(tableId: number, row: Row | undefined): boolean {
    if (row === undefined) return false;
    if (this.#restricted.has(tableId)) return true;
    return (this.#byTable.get(tableId) ?? []).some(
      ({ plan, test }) => plan.sources.length > 1 || test([row], undefined),
    );
  }
}

function reason(engine: Engine, tableId: number, what: string): string {
  return `It reads ${what} of '${engine.shape(tableId).table.accessor}', which may lie outside this client's subscriptions.`;
}

/** Columns that a condition looks at. */
function fieldsOf(expression: Expression): string[] {
  switch (expression.type) {
    case 'constant':
      return [];
    case 'and':
    case 'or':
      return expression.parts.flatMap(fieldsOf);
    case 'not':
      return fieldsOf(expression.part);
    case 'compare':
      return [expression.left, expression.right].flatMap((operand) =>
        operand.type === 'column' ? [operand.field] : [],
      );
    case 'in':
    case 'like':
    case 'isNull':
      return [expression.operand.field];
  }
}
