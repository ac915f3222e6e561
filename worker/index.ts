/** `forerun/client`: connecting to a database, from a page or from Node. Re-exports only. */

export { ForerunError, type ErrorCode, SenderError } from '../core/errors.ts';
export type { SqlValue } from '../core/engine/sql-value.ts';
export { type Sql, sql } from '../core/query/sql-template.ts';
export { CallHandle, type CallState, type Confirmation, type OutcomeChange } from './client/call-handle.ts';
export { explain } from './client/explain.ts';
export type { Client, ClientTables, ReducerCall } from './client/client.ts';
export { adoptModule, attachWorker, connect, type ConnectOptions } from './client/connect.ts';
export type { CallProgress, ClientCounters, ClientStatus, PredictionSummary, Simulation } from './client/host-api.ts';
export type { LiveRows } from './client/live-rows.ts';
export type { TableHandle } from './client/table-handle.ts';
