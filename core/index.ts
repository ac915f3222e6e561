/** `forerun`: what a module is written with. Re-exports only; nothing inside imports it. */

export { ForerunError, type ErrorCode, SenderError } from './errors.ts';
export { authorityOnly } from './module/authority-only.ts';
export type { Column, ColumnBuilder, RowObj, TypeBuilder } from './module/column-builder.ts';
export { type Infer, type InferTypeOfRow, type InferTypeOfTypeBuilder, type RowBuilder, t } from './module/column.ts';
export type { AuthCtx, JsonObject, JsonValue, JwtClaims, Random, ReducerCtx } from './module/context.ts';
export type { ModuleDefinition } from './module/definition.ts';
export { defineModule, type ModuleExports, type ReducersOf, type TablesOf } from './module/module.ts';
export type { ModuleExport } from './module/module-export.ts';
export { type Bound, Range } from './module/range.ts';
export { and, avg, count, max, min, not, or, sum } from './module/query-expression.ts';
export type { ArgsOf, Reducer, ReducerExport, ReducerOptions } from './module/reducer.ts';
export { CaseConversionPolicy, type InferSchema, type ModuleSettings, type Schema, schema } from './module/schema.ts';
export { type IndexOptions, type RowOf, type Table, table, type TableOptions } from './module/table.ts';
export type {
  ColumnExpression,
  Condition,
  FilteredQuery,
  JoinedQuery,
  Predicate,
  Query,
  QueryTables,
  SelectedQuery,
  TableQuery,
} from './module/table-query.ts';
export type { DbView, ReadonlyDbView, TableView } from './module/table-view.ts';
export type { AnonymousViewCtx, ViewCtx, ViewExport } from './module/view.ts';
export { type Sql, sql } from './query/sql-template.ts';
export { ConnectionId } from './value/connection-id.ts';
export { Identity } from './value/identity.ts';
export { ScheduleAt } from './value/schedule-at.ts';
export { TimeDuration } from './value/time-duration.ts';
export { Timestamp } from './value/timestamp.ts';
export { Uuid } from './value/uuid.ts';
