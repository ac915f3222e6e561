/** Live queries that are run again: loaded when a page asks the first one, so they stand together. Re-exports only. */

export { resultSql, rowReader } from '../../core/query/select.ts';
export { liveSql } from './live-sql.ts';
export { withPlace } from './query-error.ts';
export { ShownValues } from './shown-values.ts';
export { SqlQuery } from './sql-query.ts';
