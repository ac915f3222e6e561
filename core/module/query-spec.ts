/**
 * A query as the builder describes it: plain data that can be cloned, with tables and columns by the names they have in
 * the module. It says what is wanted and is checked when it meets a module's definition (`core/query/plan-query.ts`); so
 * a page can send it to its worker, and a module can hold it before it has a definition.
 */

export interface QuerySpec {
  /** Accessors, in the order of FROM; a table may come more than once. */
  readonly tables: readonly string[];
  /** Position in `tables` of the table whose rows are the result, each once; undefined: the combinations of all tables. */
  readonly result: number | undefined;
  /** Conditions that join each further table to those before it; each holds an equality of columns. */
  readonly on: readonly ConditionSpec[];
  readonly where: readonly ConditionSpec[];
  /** Undefined: whole rows. */
  readonly select: readonly SelectSpec[] | undefined;
  readonly groupBy: readonly FieldSpec[];
  /** Of the selected columns. */
  readonly having: readonly ConditionSpec[];
  readonly orderBy: readonly OrderSpec[];
  readonly limit: number | undefined;
  readonly offset: number;
}

export interface FieldSpec {
  /** Position in `tables`; `selected` for a column that `select` makes. */
  readonly table: number;
  readonly field: string;
}

/** In place of a table's position: the columns that `select` makes. */
export const selected = -1;

export type AggregateName = 'count' | 'sum' | 'min' | 'max' | 'avg';

export interface SelectSpec {
  readonly name: string;
  /** Undefined: the column itself. */
  readonly aggregate: AggregateName | undefined;
  /** Undefined in a count of all rows. */
  readonly field: FieldSpec | undefined;
}

export interface OrderSpec {
  readonly field: FieldSpec;
  readonly descending: boolean;
}

export type CompareName = 'eq' | 'ne' | 'lt' | 'lte' | 'gt' | 'gte';

export type ConditionSpec =
  | { readonly type: 'constant'; readonly value: boolean }
  | { readonly type: 'and' | 'or'; readonly parts: readonly ConditionSpec[] }
  | { readonly type: 'not'; readonly part: ConditionSpec }
  | { readonly type: 'compare'; readonly op: CompareName; readonly left: FieldSpec; readonly right: ValueSpec }
  | { readonly type: 'in'; readonly field: FieldSpec; readonly values: readonly unknown[] }
  | { readonly type: 'like'; readonly field: FieldSpec; readonly pattern: string }
  | { readonly type: 'isNull'; readonly field: FieldSpec };

export type ValueSpec =
  | { readonly type: 'field'; readonly field: FieldSpec }
  /** As the app gave it; checked against the column's type when the query meets a definition. */
  | { readonly type: 'value'; readonly value: unknown };

export function wholeTableSpec(accessor: string): QuerySpec {
  return {
    tables: [accessor],
    result: 0,
    on: [],
    where: [],
    select: undefined,
    groupBy: [],
    having: [],
    orderBy: [],
    limit: undefined,
    offset: 0,
  };
}

/** Whether its rows are groups of others, or aggregates of all of them. */
export function isGrouped({ groupBy, select }: QuerySpec): boolean {
  return groupBy.length > 0 || select?.some(({ aggregate }) => aggregate !== undefined) === true;
}

/** Equal for queries that ask for the same: what tells a hook that an expression written inline is the one of before. */
export function specKey(spec: QuerySpec): string {
  return JSON.stringify(spec, (_name, value: unknown) => {
    // As what no app gives: a text may look like any of them.
    if (typeof value === 'bigint') return { bigint: `${value}` };
    if (typeof value === 'number' && !Number.isFinite(value)) return { number: `${value}` };
    if (value instanceof Uint8Array) return { bytes: [...value] };
    return value === undefined ? null : value;
  });
}
