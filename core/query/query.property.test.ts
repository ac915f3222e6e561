import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { arbitraryValue } from '../codec/arbitrary.testing.ts';
import { compileCanonical } from '../codec/canonical.ts';
import { rendered } from '../codec/rendered.testing.ts';
import type { Row } from '../commit/row-change.ts';
import { Engine } from '../engine/engine.ts';
import type { ModuleDefinition, TableDefinition } from '../module/definition.ts';
import type { ColumnType } from '../value/column-type.ts';
import { Identity } from '../value/identity.ts';
import { type ColumnOperand, type CompareOp, comparedType, type Expression, type Operand } from './expression.ts';
import { parseQuery } from './parse.ts';
import { planSql, type QueryPlan } from './plan.ts';
import { predicate } from './predicate.ts';
import { sql, sqlText } from './sql-template.ts';

const primitiveNames = [
  'bool',
  'i8',
  'u8',
  'i32',
  'u32',
  'i64',
  'u64',
  'i128',
  'u256',
  'f32',
  'f64',
  'string',
  'bytes',
  'identity',
  'connectionId',
  'uuid',
  'timestamp',
  'timeDuration',
] as const;
const color: ColumnType = {
  type: 'sum',
  variants: ['Red', 'Green', 'Blue'].map((name) => ({ name, type: { type: 'unit' } })),
};
const columnTypes: readonly ColumnType[] = [
  ...primitiveNames.map((type): ColumnType => ({ type })),
  ...primitiveNames.map((type): ColumnType => ({ type: 'option', value: { type } })),
  color,
];
const sender = new Identity(0xabcn);

/** One table with a key and a column of every comparable type, and its option. */
const columns = columnTypes.map((type, i) => ({ field: `c${i}`, name: `c_${i}`, type, autoInc: false }));
const table: TableDefinition = {
  tableId: 0,
  name: 'thing',
  accessor: 'thing',
  public: true,
  event: false,
  ephemeral: false,
  columns: [{ field: 'id', name: 'id', type: { type: 'u32' }, autoInc: false }, ...columns],
  rowType: {
    type: 'product',
    fields: [{ name: 'id', type: { type: 'u32' } }, ...columns.map(({ field, type }) => ({ name: field, type }))],
  },
  primaryKey: 0,
  indexes: [],
};
const definition: ModuleDefinition = { tables: [table], reducers: [], views: [], visibilityFilters: [], hash: '' };

const ids = { next: () => 0n };
const engine = await Engine.open({ definition, ids });
const canonicalRow = compileCanonical(table.rowType, 'row-invalid');

function columnOperand(position: number): ColumnOperand {
  const column = table.columns[position] as TableDefinition['columns'][number];
  return {
    type: 'column',
    source: 0,
    column: position,
    field: column.field,
    name: column.name,
    valueType: column.type,
  };
}

/** Small values first, so that comparisons are true and false about as often. */
function literalOf(type: ColumnType, rows: readonly Row[], field: string): fc.Arbitrary<Operand> {
  const known = rows.map((row) => row[field]).filter((value) => value !== undefined);
  const fresh = arbitraryValue(type).map((value) => compileCanonical(type, 'args-invalid')(value, 'value'));
  const value = known.length === 0 ? fresh : fc.oneof(fc.constantFrom(...known), fresh);
  return value.map((each): Operand => ({ type: 'literal', value: each, valueType: type }));
}

function expressionOf(rows: readonly Row[]): fc.Arbitrary<Expression> {
  const op = fc.constantFrom<CompareOp>('eq', 'ne', 'lt', 'lte', 'gt', 'gte');
  const column = fc.integer({ min: 1, max: columns.length }).map(columnOperand);
  const compare = fc
    .tuple(op, column)
    .chain(([each, left]) =>
      fc
        .oneof(literalOf(comparedType(left.valueType), rows, left.field), fc.constant(twinOf(left)))
        .map((right): Expression => ({ type: 'compare', op: each, left, right })),
    );
  const isIn = column.chain((operand) =>
    fc
      .array(literalOf(comparedType(operand.valueType), rows, operand.field), { maxLength: 3 })
      .map((values): Expression => ({ type: 'in', operand, values })),
  );
  const texts = [
    columnOperand(1 + primitiveNames.indexOf('string')),
    columnOperand(1 + primitiveNames.length + primitiveNames.indexOf('string')),
  ];
  const like = fc
    .tuple(
      fc.constantFrom(...texts),
      fc.string({ unit: fc.constantFrom('%', '_', 'a', 'B', 'ä', '😀', '.', "'"), maxLength: 4 }),
    )
    .map(([operand, pattern]): Expression => ({ type: 'like', operand, pattern }));
  const isNull = column.map((operand): Expression => ({ type: 'isNull', operand }));
  const isSender: fc.Arbitrary<Expression> = op.map((each) => ({
    type: 'compare',
    op: each,
    left: columnOperand(1 + primitiveNames.indexOf('identity')),
    right: { type: 'sender' },
  }));
  const { expression } = fc.letrec<{ expression: Expression }>((tie) => ({
    expression: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      compare,
      isIn,
      like,
      isNull,
      isSender,
      tie('expression').map((part): Expression => ({ type: 'not', part })),
      fc
        .tuple(fc.constantFrom('and' as const, 'or' as const), tie('expression'), tie('expression'))
        .map(([type, a, b]): Expression => ({ type, parts: [a, b] })),
    ),
  }));
  return expression;
}

/** The option column of the same type, or the column itself. */
function twinOf(column: ColumnOperand): ColumnOperand {
  const twin = table.columns.findIndex(
    ({ type }) => type.type === 'option' && JSON.stringify(type.value) === JSON.stringify(column.valueType),
  );
  return twin < 0 ? column : columnOperand(twin);
}

const arbitraryRows = fc
  .array(arbitraryValue({ type: 'product', fields: table.rowType.fields.slice(1) }), { minLength: 1, maxLength: 12 })
  .map((values) => values.map((value, id) => canonicalRow({ id, ...(value as object) }, 'thing') as Row));

const scenario = arbitraryRows.chain((rows) => expressionOf(rows).map((where) => ({ rows, where })));

describe('a condition', () => {
  test('is true as a predicate exactly where SQLite finds its text true', () => {
    fc.assert(
      fc.property(scenario, ({ rows, where }) => {
        engine.reset();
        engine.apply(rows.map((after) => ({ tableId: 0, key: after.id as number, before: undefined, after })));
        const plan: QueryPlan = { sources: [{ table, alias: 'thing' }], result: 0, joins: [], where };
        const sql = planSql(plan, 'sqlite').replaceAll(':sender', `x'${sender.toHexString()}'`);
        const bySqlite = engine.select(`SELECT id FROM (${sql})`).rows.map(([id]) => id);
        const matches = predicate(where);
        const byPredicate = rows.filter((row) => matches([row], sender)).map((row) => row.id);
        expect(byPredicate, sql).toEqual(bySqlite);
      }),
      { numRuns: Number(process.env.FORERUN_PROPERTY_RUNS ?? 400) },
    );
  });

  test('is read back from its text as what it was', () => {
    fc.assert(
      fc.property(scenario, ({ rows, where }) => {
        const plan: QueryPlan = { sources: [{ table, alias: 'thing' }], result: 0, joins: [], where };
        const again = parseQuery(planSql(plan), definition, { isVisible: () => true });
        const [matches, matchesAgain] = [predicate(plan.where), predicate(again.where)];
        for (const row of rows) expect(matchesAgain([row], sender), rendered(where)).toBe(matches([row], sender));
      }),
      { numRuns: Number(process.env.FORERUN_PROPERTY_RUNS ?? 400) },
    );
  });

  test('[QRY-5] has each value that is bound beside its text, whatever is in it', () => {
    const compared = fc
      .integer({ min: 1, max: columns.length })
      .map(columnOperand)
      .chain((column) =>
        literalOf(comparedType(column.valueType), [], column.field).map((literal) => [column, literal]),
      )
      .map(([column, literal]) => ({ column: column as ColumnOperand, literal: literal as Operand }));
    fc.assert(
      fc.property(compared, ({ column, literal }) => {
        if (literal.type !== 'literal') return;
        const [stored = null] = sqlText(sql`${literal.value}`).params;
        const text = `SELECT * FROM thing WHERE ${column.name} = ? OR ${column.name} IN (?, ?)`;
        const plan = parseQuery(text, definition, { isVisible: () => true, params: [stored, stored, stored] });
        const written = parseQuery(planSql(plan), definition, { isVisible: () => true });
        const right = { type: 'literal', value: literal.value, valueType: comparedType(column.valueType) };
        const where = {
          type: 'or',
          parts: [
            { type: 'compare', op: 'eq', left: column, right },
            { type: 'in', operand: column, values: [right, right] },
          ],
        };
        expect(plan.where).toEqual(where);
        expect(written.where).toEqual(where);
      }),
      { numRuns: Number(process.env.FORERUN_PROPERTY_RUNS ?? 400) },
    );
  });

  test.each([
    ['c_11 = ?', ['a', 'b'], /1 values to be bound/],
    ['c_11 = ?', [], /1 values to be bound.*0 came with it/],
    ['c_11 = ?', [5], /position 34: expected a text.*got 5/],
    ['c_11 = ?', [null], /write IS NULL/],
    ['c_3 = ?', ['5'], /position 33: expected a whole number/],
    ['c_3 = -?', [5], /expected a whole number/],
    ['c_4 = ?', [5_000_000_000], /expected a whole number/],
    ['c_13 = ?', [Uint8Array.of(1)], /expected an identity.*got 1 bytes/],
    ['c_0 = ?', [2], /expected TRUE or FALSE/],
  ])('[QRY-5] where %s is given %j is refused, with the place', (condition, params, message) => {
    const parse = () =>
      parseQuery(`SELECT * FROM thing WHERE ${condition}`, definition, { isVisible: () => true, params });
    expect(parse).toThrow(expect.objectContaining({ code: 'query-invalid', message: expect.stringMatching(message) }));
  });
});
