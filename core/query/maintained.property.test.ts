import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Key, Row, RowChange } from '../commit/row-change.ts';
import { NetChanges } from '../commit/row-change.ts';
import { Engine } from '../engine/engine.ts';
import { t } from '../module/column.ts';
import { defineModule } from '../module/module.ts';
import type { AggregateName, ConditionSpec, FieldSpec, QuerySpec, SelectSpec } from '../module/query-spec.ts';
import { selected } from '../module/query-spec.ts';
import { schema } from '../module/schema.ts';
import { table } from '../module/table.ts';
import { Identity } from '../value/identity.ts';
import { MaintainedQuery } from './maintained.ts';
import { Batch } from './batch.ts';
import { Groups } from './groups.ts';
import { Partners } from './partners.ts';
import { PlanIndex } from './plan-index.ts';
import { planQuery } from './plan-query.ts';
import type { ResultPlan } from './result-plan.ts';
import { needsExact, resultSql, rowReader } from './select.ts';

const runs = Number(process.env.FORERUN_PROPERTY_RUNS ?? 250);
const Kind = t.enum('Kind', { Text: t.unit(), Image: t.unit(), Zip: t.unit() });
const definition = defineModule({
  default: schema({
    item: table(
      { public: true },
      {
        id: t.u64().primaryKey(),
        owner: t.string().optional(),
        room: t.u32().index(),
        score: t.f64(),
        size: t.u64().optional(),
        kind: Kind,
      },
    ),
    user: table({ public: true }, { name: t.string().primaryKey(), room: t.u32(), age: t.i64().optional() }),
    /** Without a key: a row is its own. */
    tag: table({ public: true }, { item: t.u64(), text: t.string() }),
  }),
});
const accessors = ['item', 'user', 'tag'] as const;
type Accessor = (typeof accessors)[number];

const numbers = [0n, 1n, 2n, 3n, 7n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n];
const names = ['', 'a', 'B\0', 'b', 'é', '\u{10000}', '\uffff'];
const floats = [Number.NaN, Number.POSITIVE_INFINITY, -1.5, 0, 0.25, 2, 1024];
const kinds = ['Text', 'Image', 'Zip'].map((tag) => ({ tag }));
const optional = <T>(values: readonly T[]) => fc.constantFrom(undefined, ...values);

const rowOf: { readonly [A in Accessor]: fc.Arbitrary<Row> } = {
  item: fc.record({
    id: fc.constantFrom(...numbers),
    owner: optional(names),
    room: fc.nat({ max: 3 }),
    score: fc.constantFrom(...floats),
    size: optional(numbers),
    kind: fc.constantFrom(...kinds),
  }),
  user: fc.record({
    name: fc.constantFrom(...names),
    room: fc.nat({ max: 3 }),
    age: optional([-5n, 0n, 9n, 2n ** 62n]),
  }),
  tag: fc.record({ item: fc.constantFrom(...numbers), text: fc.constantFrom(...names) }),
};
const valuesOf: Readonly<Record<string, readonly unknown[]>> = {
  id: numbers,
  item: numbers,
  owner: names,
  name: names,
  text: names,
  room: [0, 1, 2, 3],
  score: floats,
  size: numbers,
  age: [-5n, 0n, 9n],
  kind: kinds,
};
const fieldsOf: { readonly [A in Accessor]: readonly string[] } = {
  item: ['id', 'owner', 'room', 'score', 'size', 'kind'],
  user: ['name', 'room', 'age'],
  tag: ['item', 'text'],
};
const textFields = new Set(['owner', 'name', 'text']);
/** Columns of one type, or of its option. */
const comparable = [
  ['id', 'size'],
  ['size', 'item'],
  ['id', 'item'],
  ['owner', 'name'],
  ['owner', 'text'],
  ['room', 'room'],
  ['owner', 'owner'],
] as const;
/** What can be joined: table and column, with table and column. */
const joints: readonly (readonly [Accessor, string, Accessor, string])[] = [
  ['item', 'owner', 'user', 'name'],
  ['item', 'room', 'user', 'room'],
  ['item', 'id', 'tag', 'item'],
  ['item', 'room', 'item', 'room'],
  ['user', 'name', 'tag', 'text'],
  ['item', 'owner', 'tag', 'text'],
];

/** Changes that follow each other, each of one row: it is replaced, or removed. */
interface Step {
  readonly accessor: Accessor;
  readonly row: Row;
  readonly isRemoved: boolean;
}

const step = fc
  .constantFrom(...accessors)
  .chain((accessor) => fc.record({ accessor: fc.constant(accessor), row: rowOf[accessor], isRemoved: fc.boolean() }));

function conditionOn(tables: readonly Accessor[]): fc.Arbitrary<ConditionSpec> {
  const field = fieldOf(tables);
  const compare = fc
    .tuple(fc.constantFrom('eq', 'ne', 'lt', 'lte', 'gt', 'gte'), field)
    .chain(([op, left]) =>
      fc
        .constantFrom(...(valuesOf[left.field] ?? []))
        .map((value): ConditionSpec => ({ type: 'compare', op, left, right: { type: 'value', value } })),
    );
  const isIn = field.chain((each) =>
    fc
      .array(fc.constantFrom(...(valuesOf[each.field] ?? [])), { maxLength: 3 })
      .map((values): ConditionSpec => ({ type: 'in', field: each, values })),
  );
  const texts = tables.flatMap((accessor, place) =>
    fieldsOf[accessor].filter((name) => textFields.has(name)).map((name) => ({ table: place, field: name })),
  );
  const like = fc
    .tuple(fc.constantFrom(...texts), fc.constantFrom('%', '_', 'b%', '%\u{10000}', 'B_', ''))
    .map(([each, pattern]): ConditionSpec => ({ type: 'like', field: each, pattern }));
  // Of one table or of two, and nulls on either side.
  const pairs = tables.flatMap((left, a) =>
    tables.flatMap((right, b) =>
      comparable
        .filter(([x, y]) => fieldsOf[left].includes(x) && fieldsOf[right].includes(y))
        .map(
          ([x, y]) =>
            [
              { table: a, field: x },
              { table: b, field: y },
            ] as const,
        ),
    ),
  );
  const between = pairs.map(([left, right]) =>
    fc
      .constantFrom('eq' as const, 'ne' as const, 'lt' as const, 'gte' as const)
      .map((op): ConditionSpec => ({ type: 'compare', op, left, right: { type: 'field', field: right } })),
  );
  const isNull = field.map((each): ConditionSpec => ({ type: 'isNull', field: each }));
  return fc.oneof(
    { weight: 4, arbitrary: compare },
    { weight: 1, arbitrary: isNull },
    { weight: 1, arbitrary: isIn },
    { weight: 1, arbitrary: like },
    ...(between.length === 0 ? [] : [{ weight: 1, arbitrary: fc.oneof(...between) }]),
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom('and' as const, 'or' as const), compare, fc.oneof(compare, isNull))
        .map(([type, a, b]): ConditionSpec => ({ type, parts: [a, { type: 'not', part: b }] })),
    },
  );
}

function fieldOf(tables: readonly Accessor[]): fc.Arbitrary<FieldSpec> {
  return fc
    .nat({ max: tables.length - 1 })
    .chain((place) =>
      fc.constantFrom(...fieldsOf[tables[place] as Accessor]).map((name) => ({ table: place, field: name })),
    );
}

/** One table, or tables each of which is joined to one before it: in a chain, or several to the same. */
const arbitraryFrom = fc
  .tuple(
    fc.constantFrom(...accessors),
    fc.array(fc.record({ pick: fc.nat({ max: 11 }), back: fc.nat({ max: 2 }) }), { maxLength: 3 }),
  )
  .map(([first, picks]) => {
    const tables: Accessor[] = [first];
    const on: ConditionSpec[] = [];
    for (const { pick, back } of picks) {
      const from = Math.max(0, tables.length - 1 - back);
      const ways = joints.flatMap(([a, x, b, y]) => [
        ...(a === tables[from] ? [{ mine: x, table: b, its: y }] : []),
        ...(b === tables[from] ? [{ mine: y, table: a, its: x }] : []),
      ]);
      const way = ways[pick % ways.length];
      if (way === undefined) continue;
      tables.push(way.table);
      on.push({
        type: 'compare',
        op: 'eq',
        left: { table: from, field: way.mine },
        right: { type: 'field', field: { table: tables.length - 1, field: way.its } },
      });
    }
    return { tables, on };
  });

const summable = new Set(['room', 'score', 'size', 'age', 'id', 'item']);

function selectOf(tables: readonly Accessor[], by: readonly FieldSpec[] | undefined): fc.Arbitrary<SelectSpec[]> {
  const plain = (by === undefined || by.length === 0 ? fieldOf(tables) : fc.constantFrom(...by)).map((field) => ({
    aggregate: undefined,
    field,
  }));
  const aggregate = fc
    .tuple(fc.constantFrom<AggregateName>('count', 'sum', 'min', 'max', 'avg'), fieldOf(tables))
    .map(([name, field]) => ({
      // Only numbers have sums; the float column's own test is another.
      aggregate: (name === 'sum' || name === 'avg') && !summable.has(field.field) ? ('min' as const) : name,
      field,
    }));
  const all = by === undefined ? [plain] : by.length === 0 ? [aggregate] : [plain, aggregate];
  return fc
    .array(fc.oneof(...all), { minLength: 1, maxLength: 4 })
    .map((columns) => columns.map((column, i): SelectSpec => ({ name: `s${i}`, ...column })));
}

const arbitraryQuery: fc.Arbitrary<QuerySpec> = arbitraryFrom.chain(({ tables, on }) => {
  const rest = fc.record({
    where: fc.array(conditionOn(tables), { maxLength: 2 }),
    limit: fc.option(fc.nat({ max: 4 }), { nil: undefined, freq: 2 }),
    offset: fc.oneof(fc.constant(0), fc.nat({ max: 4 })),
  });
  const directed = (fields: fc.Arbitrary<FieldSpec>) =>
    fc.array(fc.record({ field: fields, descending: fc.boolean() }), { maxLength: 2 });
  const output = fc.oneof(
    fc.nat({ max: tables.length - 1 }).chain((result) =>
      directed(fieldOf([tables[result] as Accessor]).map(({ field }) => ({ table: result, field }))).map((orderBy) => ({
        result,
        select: undefined,
        groupBy: [],
        having: [],
        orderBy,
      })),
    ),
    selectOf(tables, undefined).chain((select) => outputOf(select, [])),
    fc
      .array(fieldOf(tables), { maxLength: 2 })
      .chain((by) => selectOf(tables, by).chain((select) => outputOf(withAggregate(select, by), by))),
  );
  return fc.tuple(rest, output).map(([more, out]): QuerySpec => ({ tables, on, ...more, ...out }));

  function outputOf(select: SelectSpec[], groupBy: FieldSpec[]) {
    const named = fc.constantFrom(...select).map(({ name }) => ({ table: selected, field: name }));
    const counts = select.filter(({ aggregate }) => aggregate === 'count');
    const having =
      counts.length === 0
        ? fc.constant([])
        : fc.array(
            fc.constantFrom(...counts).map(
              ({ name }): ConditionSpec => ({
                type: 'compare',
                op: 'gt',
                left: { table: selected, field: name },
                right: { type: 'value', value: 1 },
              }),
            ),
            { maxLength: 1 },
          );
    return fc.record({
      result: fc.constant(undefined),
      select: fc.constant(select),
      groupBy: fc.constant(groupBy),
      having,
      orderBy: directed(named),
    });
  }
});

/** Groups have an aggregate at least. */
function withAggregate(select: SelectSpec[], by: readonly FieldSpec[]): SelectSpec[] {
  if (by.length > 0 || select.some(({ aggregate }) => aggregate !== undefined)) return select;
  return [...select, { name: 'n', aggregate: 'count', field: undefined }];
}

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.open({ definition, ids: { next: () => 0n } });
});
afterAll(() => engine.close());

function applied(steps: readonly Step[]): RowChange[] {
  const net = new NetChanges();
  for (const { accessor, row, isRemoved } of steps) {
    const tableId = accessors.indexOf(accessor);
    const { canonical, keyOf } = engine.shape(tableId);
    const after = canonical(row, accessor);
    net.addAll(
      engine.apply([{ tableId, key: keyOf(after) as Key, before: undefined, after: isRemoved ? undefined : after }]),
    );
  }
  return net.take((tableId, a, b) => engine.equal(tableId, a, b));
}

function fresh(plan: ResultPlan): Row[] {
  const { sql, params } = resultSql(plan);
  const read = rowReader(plan, (tableId) => engine.shape(tableId));
  const rows: Row[] = [];
  engine.eachRow({ sql, params }, needsExact, (values) => rows.push(read(values)));
  return rows;
}

/** Sums beyond an INTEGER are rounded by SQLite. */
function roundedSums(rows: readonly Row[]): unknown[] {
  return rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [
        name,
        typeof value === 'bigint' && (value >= 2n ** 63n || value < -(2n ** 63n)) ? Number(value) : value,
      ]),
    ),
  );
}

test('[LIV-8] after any changes, a maintained result is what SQLite finds anew', () => {
  const batches = fc.array(fc.array(step, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 8 });
  const scenario = fc.record({
    query: arbitraryQuery,
    before: fc.array(step, { maxLength: 25 }),
    batches,
    margin: fc.constantFrom(1, 2, 64),
  });
  const seen = { rows: 0, empty: 0, joined: 0, grouped: 0 };
  fc.assert(
    fc.property(scenario, ({ query, before, batches: all, margin }) => {
      engine.reset();
      applied(before);
      const plan = planQuery(query, definition, { isVisible: () => true });
      const maintained = new MaintainedQuery(engine, plan, { groups: () => Groups, partners: () => Partners, margin });
      const index = new PlanIndex<MaintainedQuery>();
      if (maintained.isOfOneTable) index.add({ plan: plan.rows, sender: Identity.zero(), target: maintained });
      maintained.refresh();
      for (const steps of [[], ...all]) {
        const changes = applied(steps);
        if (maintained.isOfOneTable) {
          for (const change of changes)
            index.match(change, (target, wasIn, isIn) =>
              target.change(wasIn ? change.before : undefined, isIn ? change.after : undefined),
            );
        } else maintained.apply(new Batch(changes));
        maintained.refresh();
        const rows = maintained.shown().map((tuple) => maintained.rowOf(tuple));
        const expected = fresh(plan);
        expect(roundedSums(rows), resultSql(plan).sql).toEqual(roundedSums(expected));
        seen[rows.length === 0 ? 'empty' : 'rows']++;
        if (rows.length > 0 && query.tables.length > 1) seen.joined++;
        if (rows.length > 0 && plan.output.type === 'groups') seen.grouped++;
      }
    }),
    { numRuns: runs },
  );
  // The scenarios are worth something.
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(runs / 10);
});
