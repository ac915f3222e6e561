/**
 * A database in this process: its authority over a log in a data folder or in memory, and the sessions of its clients.
 * Whoever opens it serves it, and closes it.
 */

import { existsSync } from 'node:fs';
import { Authority } from '../core/authority/authority.ts';
import type { CallLimits } from '../core/authority/call-budget.ts';
import type { Epoch } from '../core/commit/call.ts';
import { MemoryLog } from '../core/commit/log.ts';
import type { Environment } from '../core/environment.ts';
import type { ModuleDefinition } from '../core/module/definition.ts';
import { SessionHub, type SessionLimits } from '../core/session/hub.ts';
import { Identity } from '../core/value/identity.ts';
import type { ServerDiagnostics } from './diagnostics.ts';
import { type Authenticator, identityOf, openAuthenticator, ownerIdentity } from './gateway/auth.ts';
import { openCheckpoint } from './log/checkpoint-reader.ts';
import { type DataFolder, openDataFolder } from './log/data-folder.ts';
import type { DatabaseBirth } from './log/database-file.ts';
import { SqliteLog } from './log/sqlite-log.ts';
import { columnDefaults, describeModule, moduleChange, refuseWithRows } from './module-change.ts';

export interface DatabaseOptions {
  readonly definition: ModuleDefinition;
  readonly name: string;
  /** Absent: in memory, gone with the process. */
  readonly data: string | undefined;
  readonly environment: Environment;
  readonly diagnostics: ServerDiagnostics;
  readonly guard?: boolean | undefined;
  readonly timestampToleranceMs?: number | undefined;
  readonly logBytesMax?: number | undefined;
  readonly logAgeMsMax?: number | undefined;
  readonly behindBytesMax?: number | undefined;
  readonly limits?: Partial<CallLimits & SessionLimits> | undefined;
}

export interface OpenDatabase {
  readonly authority: Authority;
  readonly hub: SessionHub;
  /** Absent: in memory. */
  readonly folder: DataFolder | undefined;
  /** Who shows this token; for an empty one someone new. */
  readonly authenticate: Authenticator['authenticate'];
  /**
   * Goes on with other code of the module, from one call to the next, and gives true; false when its shapes are others, so
   * that it has to be opened anew. Throws `schema-changed` when that would be refused.
   */
  readonly adopt: (definition: ModuleDefinition) => boolean;
  /** Makes everything durable. Connections must have ended before. */
  readonly close: () => Promise<void>;
}

/** Throws `data-folder-unusable`, `database-corrupt`, `schema-changed`, or `module-invalid` when `init` fails. */
export async function openDatabase(options: DatabaseOptions): Promise<OpenDatabase> {
  const { data, name, environment } = options;
  const folder = data === undefined ? undefined : openDataFolder(data, name);
  const isKeyMissing = folder !== undefined && existsSync(folder.databaseFile) && !existsSync(folder.tokenKeyFile);
  let opened: Authority | undefined;
  try {
    const authority = folder === undefined ? await inMemory(options) : await inFolder(options, folder);
    opened = authority;
    // After the first commit, which is `init`, somebody may have been given a token.
    if (isKeyMissing && authority.durableSeq > 1) options.diagnostics.tokenKeyMade(folder.tokenKeyFile);
    const { authenticate } = await openAuthenticator({
      ...(folder !== undefined && { keyFile: folder.tokenKeyFile }),
      entropy: environment.entropy,
    });
    return {
      authority,
      hub: new SessionHub({
        authority,
        environment,
        authenticate,
        owner: ownerIdentity,
        viewFailed: options.diagnostics.viewFailed,
        connectionFailed: options.diagnostics.connectionFailed,
        ...(options.limits && { limits: options.limits }),
      }),
      folder,
      authenticate,
      adopt: (definition) => adopt(authority, definition),
      close: async () => {
        try {
          await authority.close();
        } finally {
          folder?.release();
        }
      },
    };
  } catch (error) {
    await opened?.close();
    folder?.release();
    throw error;
  }
}

function adopt(authority: Authority, definition: ModuleDefinition): boolean {
  const running = authority.definition;
  if (definition.hash === running.hash) {
    authority.adopt(definition);
    return true;
  }
  const change = moduleChange(describeModule(running), describeModule(definition), columnDefaults(definition));
  refuseWithRows(change, ({ tableId }) => authority.engine.store(tableId).count);
  return false;
}

function inMemory(options: DatabaseOptions): Promise<Authority> {
  return openAuthority(options, { log: new MemoryLog(), birth: newBirth(options.environment) });
}

async function inFolder(options: DatabaseOptions, { databaseFile: path }: DataFolder): Promise<Authority> {
  const { definition, diagnostics, environment, logBytesMax, logAgeMsMax, behindBytesMax } = options;
  const module = describeModule(definition);
  const log = await SqliteLog.open({
    path,
    module,
    defaults: columnDefaults(definition),
    birth: newBirth(environment),
    tablesFailed: diagnostics.tablesFailed,
    ...(logBytesMax !== undefined && { logBytesMax }),
    ...(logAgeMsMax !== undefined && { logAgeMsMax }),
    ...(behindBytesMax !== undefined && { behindBytesMax }),
  });
  try {
    const stored = openCheckpoint(path, module);
    try {
      return await openAuthority(options, { log, birth: log.birth, checkpoint: stored.checkpoint });
    } catch (error) {
      // While it is read: who closes the file as the last one copies the write-ahead log into it, and it may be damaged.
      await log.close();
      throw error;
    } finally {
      stored.close();
    }
  } catch (error) {
    await log.close();
    throw error;
  }
}

type Storage = Pick<Parameters<typeof Authority.open>[0], 'log' | 'checkpoint'> & { readonly birth: DatabaseBirth };

function openAuthority(options: DatabaseOptions, { birth, ...storage }: Storage): Promise<Authority> {
  const { definition, environment, diagnostics, guard, timestampToleranceMs } = options;
  return Authority.open({
    ...storage,
    definition,
    environment,
    diagnostics,
    epoch: birth.epoch as Epoch,
    databaseIdentity: Identity.fromString(birth.databaseIdentity),
    secret: birth.secret,
    ...(options.limits !== undefined && { limits: options.limits }),
    ...(guard !== undefined && { guard }),
    ...(timestampToleranceMs !== undefined && { timestampToleranceMs }),
  });
}

function newBirth({ entropy }: Environment): DatabaseBirth {
  const random = (bytes: number): string => Buffer.from(entropy.fill(new Uint8Array(bytes))).toString('hex');
  return {
    epoch: random(8),
    databaseIdentity: identityOf('forerun database', random(16)).toHexString(),
    secret: random(16),
  };
}
