/** `forerun/server`: the authority's Node home. Re-exports only; nothing inside imports it. */

export type { Authority, Diagnostics } from '../core/authority/authority.ts';
export { type ErrorCode, ForerunError } from '../core/errors.ts';
export type { ServerDiagnostics } from './diagnostics.ts';
export {
  backupDatabase,
  type BackupOptions,
  restoreDatabase,
  type Restored,
  type RestoreOptions,
} from './log/backup.ts';
export { checkDatabase, type DatabaseReport } from './log/check.ts';
export { serve, type Served, type ServeOptions, type ServerLimits } from './serve.ts';
