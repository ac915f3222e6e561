/**
 * The query builder at work: each call adds a clause to plain data. Its types are in `table-query.ts`.
 *
 * Law: a builder is never changed, and holds nothing that could not be cloned but the tables' definitions.
 */

import { ForerunError } from '../errors.ts';
import { columnOf, conditionSpec, fieldSpecs, orderSpecs, selectedSpec } from './query-expression.ts';
import {
  type ConditionSpec,
  type FieldSpec,
  type QuerySpec,
  selected,
  type SelectSpec,
  wholeTableSpec,
} from './query-spec.ts';
import { querySql } from './query-text.ts';
import { type Query, type QueryTables, queryKey } from './table-query.ts';
import type { TableShape } from './table-shape.ts';
import type { Tables } from './table-view.ts';

type Callback = (...rows: never[]) => unknown;
type Columns = Readonly<Record<string, object>>;

/** The columns of a table of a query, by field; made once per table and place. */
const columnsOf = new WeakMap<TableShape, Columns[]>();

/** Builders of these tables, by accessor; `S` is what the module says of them. */
export function queryTables<S extends Tables>(tables: readonly TableShape[]): QueryTables<S> {
  const builders = tables.map((table) => [table.accessor, tableQuery(table)] as const);
  // The definitions are those of `S`, which the compiler can't know.
  return Object.freeze(Object.fromEntries(builders)) as unknown as QueryTables<S>;
}

export function tableQuery(table: TableShape): QueryBuilder {
  return new QueryBuilder(wholeTableSpec(table.accessor), [table]);
}

/** The data of a query, or undefined for what is none. */
export function specOf(value: unknown): QuerySpec | undefined {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null || !(queryKey in value))
    return undefined;
  return (value as Query<unknown>)[queryKey].spec;
}

interface QueryHolder {
  readonly [queryKey]: { readonly spec: QuerySpec };
}

/** Apart, because isolatedDeclarations wants a type written out where a symbol is a class's key. */
const QueryData: new (spec: QuerySpec) => QueryHolder = class {
  readonly [queryKey]: { readonly spec: QuerySpec };

  constructor(spec: QuerySpec) {
    this[queryKey] = { spec };
  }
};

export class QueryBuilder extends QueryData {
  readonly #tables: readonly TableShape[];

  constructor(spec: QuerySpec, tables: readonly TableShape[]) {
    super(spec);
    this.#tables = tables;
  }

  where(condition: Callback): QueryBuilder {
    return this.#with({ where: [...this.#spec.where, this.#condition(condition)] });
  }

  leftSemijoin(other: unknown, on: Callback): QueryBuilder {
    return this.#joined(other, on, 'leftSemijoin');
  }

  rightSemijoin(other: unknown, on: Callback): QueryBuilder {
    return this.#joined(other, on, 'rightSemijoin');
  }

  join(other: unknown, on: Callback): QueryBuilder {
    return this.#joined(other, on, 'join');
  }

  groupBy(columns: Callback): QueryBuilder {
    return this.#with({ groupBy: [...this.#spec.groupBy, ...fieldSpecs(this.#call(columns), 'groupBy')] });
  }

  select(columns: Callback): QueryBuilder {
    const chosen = this.#call(columns);
    if (typeof chosen !== 'object' || chosen === null)
      throw new ForerunError('query-invalid', 'select takes an object of columns: select((p) => ({ name: p.name })).');
    const select = Object.entries(chosen).map(([name, value]): SelectSpec => {
      const { aggregate, field } = selectedSpec(value, name);
      return { name, aggregate, field };
    });
    return this.#with({ select });
  }

  having(condition: Callback): QueryBuilder {
    return this.#with({ having: [...this.#spec.having, this.#condition(condition)] });
  }

  orderBy(order: Callback): QueryBuilder {
    return this.#with({ orderBy: [...this.#spec.orderBy, ...orderSpecs(this.#call(order))] });
  }

  limit(rows: number): QueryBuilder {
    return this.#with({ limit: wholeNumber(rows, 'limit') });
  }

  offset(rows: number): QueryBuilder {
    return this.#with({ offset: wholeNumber(rows, 'offset') });
  }

  toSql(): string {
    return querySql(this.#spec, this.#tables);
  }

  build(): QueryBuilder {
    return this;
  }

  get #spec(): QuerySpec {
    return this[queryKey].spec;
  }

  #with(clauses: Partial<QuerySpec>): QueryBuilder {
    return new QueryBuilder({ ...this.#spec, ...clauses }, this.#tables);
  }

  #condition(condition: Callback): ConditionSpec {
    return conditionSpec(this.#call(condition));
  }

  /** Selected columns take the place of the tables'. Semijoined tables show the result's columns only. */
  #call(callback: Callback): unknown {
    const { select } = this.#spec;
    const rows = select === undefined ? this.#rows() : [selectedColumns(select)];
    return callback(...(rows as never[]));
  }

  /** Semijoins leave one table to speak of: the result's. */
  #rows(): Columns[] {
    const rows = this.#tables.map((table, position) => columnsAt(table, position));
    const { result } = this.#spec;
    return result === undefined ? rows : rows.slice(result, result + 1);
  }

  #joined(other: unknown, on: Callback, method: 'join' | 'leftSemijoin' | 'rightSemijoin'): QueryBuilder {
    if (!(other instanceof QueryBuilder) || !other.#isPlain)
      throw new ForerunError(
        'query-invalid',
        `${method} takes a table or a filtered one: ${method}(tables.player.where(…), (a, b) => a.id.eq(b.id)).`,
      );
    const place = this.#tables.length;
    const tables = [...this.#tables, ...other.#tables];
    const rows = [...this.#rows(), ...other.#tables.map((table) => columnsAt(table, place))];
    return new QueryBuilder(
      {
        ...this.#spec,
        tables: [...this.#spec.tables, ...other.#spec.tables],
        result: method === 'join' ? undefined : method === 'leftSemijoin' ? this.#spec.result : place,
        on: [...this.#spec.on, conditionSpec(on(...(rows as never[])))],
        where: [...this.#spec.where, ...other.#spec.where.map((condition) => movedTo(place, condition))],
      },
      tables,
    );
  }

  /** One table and conditions, so that it can be joined to others. */
  get #isPlain(): boolean {
    const { tables, select, groupBy, orderBy, limit, offset } = this.#spec;
    const clauses = groupBy.length + orderBy.length + offset;
    return tables.length === 1 && select === undefined && limit === undefined && clauses === 0;
  }
}

function columnsAt(table: TableShape, place: number): Columns {
  const known = columnsOf.get(table) ?? [];
  columnsOf.set(table, known);
  known[place] ??= namedColumns(
    place,
    table.columns.map(({ field }) => field),
  );
  return known[place];
}

function selectedColumns(select: readonly SelectSpec[]): Columns {
  return namedColumns(
    selected,
    select.map(({ name }) => name),
  );
}

function namedColumns(table: number, fields: readonly string[]): Columns {
  return Object.freeze(Object.fromEntries(fields.map((field) => [field, columnOf({ table, field })])));
}

/** A condition on a query's only table, said of the same table at another place. */
function movedTo(table: number, condition: ConditionSpec): ConditionSpec {
  const moved = (field: FieldSpec): FieldSpec => ({ table, field: field.field });
  switch (condition.type) {
    case 'constant':
      return condition;
    case 'and':
    case 'or':
      return { ...condition, parts: condition.parts.map((part) => movedTo(table, part)) };
    case 'not':
      return { ...condition, part: movedTo(table, condition.part) };
    case 'compare': {
      const { left, right } = condition;
      return {
        ...condition,
        left: moved(left),
        right: right.type === 'field' ? { ...right, field: moved(right.field) } : right,
      };
    }
    default:
      return { ...condition, field: moved(condition.field) };
  }
}

function wholeNumber(rows: number, clause: string): number {
  if (Number.isSafeInteger(rows) && rows >= 0) return rows;
  throw new ForerunError('query-invalid', `${clause} takes a whole number of rows from 0 on; got ${rows}.`);
}
