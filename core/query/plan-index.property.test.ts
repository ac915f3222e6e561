import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Row } from '../commit/row-change.ts';
import type { TableDefinition } from '../module/definition.ts';
import { Identity } from '../value/identity.ts';
import { compareValues } from './compare.ts';
import { and, type ColumnOperand, type CompareOp, type Expression, type Operand } from './expression.ts';
import { type Interval, IntervalIndex } from './interval-index.ts';
import { type FiledQuery, PlanIndex } from './plan-index.ts';
import { predicate } from './predicate.ts';

const end = fc.option(fc.record({ value: fc.integer({ min: 0, max: 20 }), inclusive: fc.boolean() }), {
  nil: undefined,
});
const intervals = fc.array(fc.record({ low: end, high: end }), { maxLength: 200 });

describe('an interval index', () => {
  test('finds the intervals that hold a value, and no others', () => {
    fc.assert(
      fc.property(
        intervals,
        fc.array(fc.nat(), { maxLength: 100 }),
        fc.integer({ min: -1, max: 21 }),
        (all, removals, value) => {
          const index = new IntervalIndex<number>(compareValues({ type: 'i32' }));
          const kept = new Map<number, Interval<number>>();
          for (const [target, each] of all.entries()) {
            const interval = { ...each, target };
            kept.set(target, interval);
            index.add(interval);
          }
          for (const removal of removals) {
            const interval = kept.get(removal % (all.length + 1));
            if (interval === undefined) continue;
            index.remove(interval);
            kept.delete(interval.target);
          }
          const found: number[] = [];
          index.find(value, (target) => found.push(target));
          const expected = [...kept.values()].filter(({ target }) => {
            const { low, high } = all[target] ?? {};
            if (low !== undefined && (value < low.value || (value === low.value && !low.inclusive))) return false;
            return !(high !== undefined && (value > high.value || (value === high.value && !high.inclusive)));
          });
          expect(found.sort((a, b) => a - b)).toEqual(expected.map(({ target }) => target).sort((a, b) => a - b));
          expect(index.size).toBe(kept.size);
        },
      ),
      { numRuns: 300 },
    );
  });
});

const table: TableDefinition = {
  tableId: 3,
  name: 'message',
  accessor: 'message',
  public: true,
  event: false,
  ephemeral: false,
  columns: [
    { field: 'id', name: 'id', type: { type: 'u32' }, autoInc: false },
    { field: 'room', name: 'room', type: { type: 'u32' }, autoInc: false },
    { field: 'score', name: 'score', type: { type: 'option', value: { type: 'f64' } }, autoInc: false },
    { field: 'author', name: 'author', type: { type: 'identity' }, autoInc: false },
  ],
  rowType: { type: 'product', fields: [] },
  primaryKey: 0,
  indexes: [],
};

const columns = table.columns.map(
  ({ field, name, type }, column): ColumnOperand => ({
    type: 'column',
    source: 0,
    column,
    field,
    name,
    valueType: type,
  }),
);
const [, room, score, author] = columns as [ColumnOperand, ColumnOperand, ColumnOperand, ColumnOperand];
const people = [new Identity(1n), new Identity(2n), new Identity(3n)];
const op = fc.constantFrom<CompareOp>('eq', 'ne', 'lt', 'lte', 'gt', 'gte');
const roomNumber = fc.integer({ min: 0, max: 6 });
const points = fc.constantFrom(0, 1.5, 2, Number.NaN, Number.POSITIVE_INFINITY);
const literal = (value: unknown, { valueType }: ColumnOperand): Operand => ({ type: 'literal', value, valueType });

const leaf: fc.Arbitrary<Expression> = fc.oneof(
  fc
    .record({ op, value: roomNumber })
    .map(({ op: each, value }): Expression => ({ type: 'compare', op: each, left: room, right: literal(value, room) })),
  fc
    .record({ op, value: roomNumber })
    .map(({ op: each, value }): Expression => ({ type: 'compare', op: each, left: literal(value, room), right: room })),
  fc
    .record({ op, value: points })
    .map(
      ({ op: each, value }): Expression => ({ type: 'compare', op: each, left: score, right: literal(value, score) }),
    ),
  fc.constant<Expression>({ type: 'compare', op: 'eq', left: author, right: { type: 'sender' } }),
  fc
    .array(roomNumber, { maxLength: 3 })
    .map((values): Expression => ({ type: 'in', operand: room, values: values.map((value) => literal(value, room)) })),
  fc.constant<Expression>({ type: 'isNull', operand: score }),
  fc.boolean().map((value): Expression => ({ type: 'constant', value })),
);
const condition = fc.letrec<{ condition: Expression }>((tie) => ({
  condition: fc.oneof(
    { depthSize: 'small' },
    leaf,
    fc.array(tie('condition'), { minLength: 1, maxLength: 3 }).map(and),
    fc.array(tie('condition'), { minLength: 1, maxLength: 3 }).map((parts): Expression => ({ type: 'or', parts })),
    tie('condition').map((part): Expression => ({ type: 'not', part })),
  ),
})).condition;

const row: fc.Arbitrary<Row> = fc.record({
  id: fc.constant(1),
  room: roomNumber,
  score: fc.option(points, { nil: undefined }),
  author: fc.constantFrom(...people),
});

describe('a plan index', () => {
  test('reports exactly the queries that a change enters, leaves or stays in', () => {
    const viewer = fc.constantFrom(...people);
    const query = fc.record({ where: condition, sender: viewer, isRemoved: fc.boolean() });
    const change = fc.record({ before: fc.option(row, { nil: undefined }), after: fc.option(row, { nil: undefined }) });
    fc.assert(
      fc.property(fc.array(query, { maxLength: 30 }), fc.array(change, { maxLength: 10 }), (queries, changes) => {
        const index = new PlanIndex<number>();
        const filed = queries.map(
          ({ where, sender }, target): FiledQuery<number> => ({
            plan: { sources: [{ table, alias: 'message' }], result: 0, joins: [], where },
            sender,
            target,
          }),
        );
        for (const each of filed) index.add(each);
        for (const [i, { isRemoved }] of queries.entries()) if (isRemoved) index.remove(filed[i] as FiledQuery<number>);
        for (const { before, after } of changes) {
          const reported: string[] = [];
          index.match({ tableId: 3, before, after }, (target, wasIn, isIn) =>
            reported.push(`${target} ${wasIn} ${isIn}`),
          );
          const expected = queries.flatMap(({ where, sender, isRemoved }, target) => {
            const matches = predicate(where);
            const wasIn = before !== undefined && matches([before], sender);
            const isIn = after !== undefined && matches([after], sender);
            return !isRemoved && (wasIn || isIn) ? [`${target} ${wasIn} ${isIn}`] : [];
          });
          expect(reported.sort()).toEqual(expected.sort());
        }
      }),
      { numRuns: 400 },
    );
  });
});
