/**
 * A result that is kept up to date row by row: from a plan, the tables' rows as they are, and then each batch of changes
 * of theirs.
 *
 * Law: after `refresh`, what is shown is what `resultSql` would give on the same rows (sums of floats apart, which are
 * exact here and rounded step by step there). The cost of a batch depends on the changes and what they touch, not on how
 * many rows the tables have.
 */

import { type Codec, compileCodec } from '../codec/bsatn.ts';
import type { Key, Row } from '../commit/row-change.ts';
import type { Engine } from '../engine/engine.ts';
import type { RowShape } from '../engine/row-shape.ts';
import { limits } from '../limits.ts';
import type { Batch, State } from './batch.ts';
import type { GroupRow, Groups } from './groups.ts';
import { comparedType } from './expression.ts';
import { fieldOrder, type Tuple, tupleOrder, valueOrder } from './order.ts';
import type { Partners } from './partners.ts';
import { type Predicate, predicate } from './predicate.ts';
import type { ResultPlan } from './result-plan.ts';
import { countSql, needsExact, resultSources, tuplesSql, type TupleRange } from './select.ts';
import { type Edit, Window } from './window.ts';

/** What only some queries need, and is loaded for them. */
export interface Operators {
  readonly groups: () => typeof Groups;
  readonly partners: () => typeof Partners;
}

export interface MaintainedOptions extends Operators {
  readonly margin?: number;
}

export class MaintainedQuery {
  readonly plan: ResultPlan;
  readonly codec: Codec;
  readonly #engine: Engine;
  readonly #shapes: readonly RowShape[];
  readonly #held: Window;
  readonly #groups: Groups | undefined;
  readonly #partners: Partners | undefined;
  readonly #having: Predicate;
  #isBroken = true;

  constructor(engine: Engine, plan: ResultPlan, { groups, partners, margin }: MaintainedOptions) {
    this.plan = plan;
    this.codec = compileCodec(plan.rowType);
    this.#engine = engine;
    this.#shapes = resultSources(plan).map((source) => shapeOf(engine, plan, source));
    const { output } = plan;
    this.#groups = output.type === 'groups' ? new (groups())(engine, plan, output) : undefined;
    this.#having = output.type === 'groups' ? predicate(output.having) : () => true;
    this.#partners = plan.rows.sources.length > 1 ? new (partners())(engine, plan.rows) : undefined;
    this.#held = new Window(
      {
        compare: this.#groups === undefined ? tupleCompare(plan, this.#shapes) : groupCompare(plan),
        read: (range) => this.#read(range),
        count: () => this.#count(),
      },
      { offset: plan.offset, limit: plan.limit, ...(margin !== undefined && { margin }) },
    );
  }

  /** Whether a change of one of its rows is all that there is to it; others are asked about whole batches. */
  get isOfOneTable(): boolean {
    return this.#partners === undefined;
  }

  /** How many tuples it holds. */
  get size(): number {
    return this.#held.size;
  }

  /** The rows may be any others now. */
  break(): void {
    this.#isBroken = true;
  }

  /** Of a query of one table: a row that fulfils its condition went, came, or is another one. */
  change(before: Row | undefined, after: Row | undefined): void {
    if (this.#isBroken) return;
    if (before !== undefined) this.#remove([before]);
    if (after !== undefined) this.#insert([after]);
  }

  /** Of a query of several tables: net changes, which the engine has applied. */
  apply(batch: Batch): void {
    if (this.#isBroken) return;
    if (this.plan.output.type === 'rows') this.#applyToRows(batch);
    else this.#applyToTuples(batch);
  }

  /** Brings the result up to date. */
  refresh(): void {
    if (this.#isBroken) this.#start();
    else
      this.#groups?.settle((before, after) => {
        if (this.#isShown(before)) this.#held.remove(tupleOfGroup(before));
        if (this.#isShown(after)) this.#held.insert(tupleOfGroup(after));
      });
    this.#held.settle();
  }

  shown(): readonly Tuple[] {
    return this.#held.shown();
  }

  takeEdits(): readonly Edit[] | undefined {
    return this.#held.takeEdits();
  }

  /** A row of the result. */
  rowOf(tuple: Tuple): Row {
    const { output } = this.plan;
    if (output.type !== 'columns') return tuple[0] as Row;
    return Object.fromEntries(
      output.columns.map(({ name, operand }) => [name, tuple[operand.source]?.[operand.field]]),
    );
  }

  #start(): void {
    this.#isBroken = false;
    this.#held.break();
    if (this.#groups === undefined) return;
    const rows: Tuple[] = [];
    this.#groups.start();
    this.#groups.settle((_before, after) => {
      if (this.#isShown(after)) rows.push(tupleOfGroup(after));
    });
    this.#held.startWith(rows.sort(groupCompare(this.plan)));
  }

  #isShown(group: GroupRow | undefined): group is GroupRow {
    return group !== undefined && this.#having([group.row], undefined);
  }

  #remove(tuple: Tuple): void {
    if (this.#groups === undefined) this.#held.remove(tuple);
    else this.#groups.remove(tuple);
  }

  #insert(tuple: Tuple): void {
    if (this.#groups === undefined) this.#held.insert(tuple);
    else this.#groups.add(tuple);
  }

  /** Tuples with rows that changed go as they were and come as they are. */
  #applyToTuples(batch: Batch): void {
    const gone = this.#tuplesWith(batch, batch, 'before');
    const come = gone && this.#tuplesWith(batch, 'now', 'after');
    // So many that reading all anew is quicker.
    if (gone === undefined || come === undefined) return this.break();
    for (const tuple of gone) this.#remove(tuple);
    for (const tuple of come) this.#insert(tuple);
  }

  #tuplesWith(batch: Batch, state: State, side: 'before' | 'after'): Iterable<Tuple> | undefined {
    const found = new Map<string, Tuple>();
    for (const [source, { table }] of this.plan.rows.sources.entries()) {
      for (const change of batch.changesOf(table.tableId)) {
        const row = change[side];
        if (row === undefined) continue;
        this.#partners?.with(source, row, state, (tuple) => {
          found.set(this.#keyOf(tuple), tuple);
          return found.size <= limits.joinedTuplesMax;
        });
        if (found.size > limits.joinedTuplesMax) return undefined;
      }
    }
    return found.values();
  }

  /** A tuple is known by the keys of its rows. */
  #keyOf(tuple: Tuple): string {
    return tuple
      .map((row, source) => {
        const key = shapeOf(this.#engine, this.plan, source).keyOf(row);
        return `${typeof key === 'string' ? key.length : typeof key}:${key}`;
      })
      .join();
  }

  /** Of semijoined tables: each row of the result's table that is touched is in the result or is not, before and now. */
  #applyToRows(batch: Batch): void {
    const { result, sources } = this.plan.rows;
    const shape = shapeOf(this.#engine, this.plan, result);
    const touched = new Map<Key, Row>();
    for (const [source, { table }] of sources.entries()) {
      for (const { before, after } of batch.changesOf(table.tableId)) {
        for (const [row, state] of [
          [before, batch],
          [after, 'now'],
        ] as const) {
          if (row === undefined) continue;
          if (source === result) touched.set(shape.keyOf(row), row);
          else
            this.#partners?.with(source, row, state, (tuple) => {
              const found = tuple[result] as Row;
              touched.set(shape.keyOf(found), found);
              return touched.size <= limits.joinedTuplesMax;
            });
          if (touched.size > limits.joinedTuplesMax) return this.break();
        }
      }
    }
    for (const [key, row] of touched) {
      const change = batch.changeOf(shape.table.tableId, key);
      const [before, after] = change === undefined ? [row, row] : [change.before, change.after];
      const wasIn = before !== undefined && this.#partners?.has(result, before, batch) === true;
      const isIn = after !== undefined && this.#partners?.has(result, after, 'now') === true;
      if (before === after && wasIn === isIn) continue;
      if (wasIn) this.#held.remove([before]);
      if (isIn) this.#held.insert([after]);
    }
  }

  #read(range: TupleRange): Tuple[] {
    const tuples: Tuple[] = [];
    this.#engine.eachRow(tuplesSql(this.plan, range, this.#shapes), needsExact, (values) => {
      let at = 0;
      tuples.push(
        this.#shapes.map(({ table, sql }) => {
          const row = sql.fromSql(
            at === 0 && this.#shapes.length === 1 ? values : values.slice(at, at + table.columns.length),
          );
          at += table.columns.length;
          return row;
        }),
      );
    });
    return tuples;
  }

  #count(): number {
    let count = 0;
    this.#engine.eachRow(countSql(this.plan), needsExact, ([value]) => {
      count = Number(value);
    });
    return count;
  }
}

function shapeOf(engine: Engine, { rows }: ResultPlan, source: number): RowShape {
  const table = rows.sources[source]?.table;
  if (table === undefined) throw new RangeError('a plan has this source');
  return engine.shape(table.tableId);
}

/** Whole rows stand alone in their tuples, wherever their table is in FROM. */
function tupleCompare(plan: ResultPlan, shapes: readonly RowShape[]): (a: Tuple, b: Tuple) => number {
  const isWholeRows = plan.output.type === 'rows';
  const terms = plan.orderBy.map((term) => (isWholeRows ? { ...term, operand: { ...term.operand, source: 0 } } : term));
  return tupleOrder(terms, shapes);
}

/** By columns of the result, then by what the groups are of. */
function groupCompare(plan: ResultPlan): (a: Tuple, b: Tuple) => number {
  const by = plan.output.type === 'groups' ? plan.output.by : [];
  const keys = by.map(({ valueType }, i) => fieldOrder(`k${i}`, valueOrder(comparedType(valueType)), false));
  const terms = plan.orderBy.map(({ operand, descending }) =>
    fieldOrder(operand.field, valueOrder(comparedType(operand.valueType)), descending),
  );
  return ([a, aKeys], [b, bKeys]) => {
    for (const compare of terms) {
      const order = compare(a as Row, b as Row);
      if (order !== 0) return order;
    }
    for (const compare of keys) {
      const order = compare(aKeys as Row, bKeys as Row);
      if (order !== 0) return order;
    }
    return 0;
  };
}

function tupleOfGroup({ row, keys }: GroupRow): Tuple {
  return [row, keys];
}
