/**
 * `serve`: one database, its WebSocket endpoint and a little HTTP, from start to stop.
 *
 *     import { serve } from 'forerun/server';
 *     import * as game from './module.ts';
 *     const { url } = await serve({ module: game, data: './data' });
 */

import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Authority } from '../core/authority/authority.ts';
import type { CallLimits } from '../core/authority/call-budget.ts';
import { ForerunError } from '../core/errors.ts';
import { defineModule, type ModuleExports } from '../core/module/module.ts';
import type { SessionLimits } from '../core/session/hub.ts';
import { checkOptions } from './checked-options.ts';
import { openDatabase } from './database.ts';
import { printedDiagnostics, type ServerDiagnostics } from './diagnostics.ts';
import { nodeEnvironment } from './environment.ts';
import { closeOnSignals } from './drain.ts';
import { Gateway, type GatewayLimits } from './gateway/gateway.ts';
import {
  answerNotFound,
  handleRequest,
  type HttpOptions,
  notFound,
  pathOf,
  refuseUpgrade,
  subscribedDatabase,
} from './http.ts';
import { Callers } from './http/callers.ts';
import { DatabaseRoutes } from './http/database-routes.ts';
import { KeptDiagnostics } from './kept-diagnostics.ts';
import { checkPort, listen } from './listen.ts';
import { backupOnThread } from './log/backup.ts';
import type { DatabaseReport } from './log/check.ts';
import { removeAddress, writeAddress } from './log/data-folder.ts';
import { listenToModule } from './module-console.ts';
import { listenToStrayPromises } from './stray-promises.ts';

export interface ServeOptions {
  /** What `import * as game from './module.ts'` gives. */
  readonly module: ModuleExports;
  /** Folder that holds the database, made if need be. Default: none, the database is in memory and goes with the process. */
  readonly data?: string;
  /** Of the database, in its address. Letters, digits, '-' and '_'. Default `main`. */
  readonly name?: string;
  /** 0 for any that is free. Default 3000. */
  readonly port?: number;
  /** Default 127.0.0.1: this machine only. `0.0.0.0` for everyone. */
  readonly host?: string;
  /**
   * Raise errors for what a reducer must not use, such as `Date.now`. It costs some microseconds a call. Default: true,
   * except where `NODE_ENV` is `production`.
   */
  readonly guard?: boolean;
  /** How far a call's proposed time may be from this clock. Default 250. */
  readonly timestampToleranceMs?: number;
  /** Bytes of log to keep that the tables contain already. Default: all of it. */
  readonly logBytesMax?: number;
  /** Milliseconds to keep log that the tables contain already. Default: for good. */
  readonly logAgeMsMax?: number;
  /** The tables in the file follow the log when it is so many bytes ahead, or idle. Default 32 MiB. */
  readonly behindBytesMax?: number;
  /** Other bounds than those of docs/limits.md. */
  readonly limits?: Partial<ServerLimits>;
  /** Close, and end the process with 0, on SIGTERM and SIGINT. Default: false, they are yours to handle. */
  readonly handleSignals?: boolean;
  /** What happens, for people. Default: one line each on standard error. */
  readonly diagnostics?: Partial<ServerDiagnostics>;
  /** To serve beside something else: a server of yours that listens, or will. Its plain requests stay yours: pass them to `handle`. */
  readonly server?: Server;
  /** Answers plain requests that are not for the database. Default: with 404. Not with `server`. */
  readonly requests?: RequestListener;
}

export type ServerLimits = CallLimits & SessionLimits & GatewayLimits;

export interface Served {
  /** For `connect({ url })`: `http://127.0.0.1:3000`. Empty for a server of yours that does not listen yet. */
  readonly url: string;
  readonly port: number;
  readonly authority: Authority;
  /**
   * Goes on with other code of the module, from one call to the next, and gives true; false when its tables or arguments are
   * others, so that it has to be closed and served anew. Throws `module-invalid`, or `schema-changed` when that would be
   * refused: the module that was goes on.
   */
  readonly adopt: (module: ModuleExports) => boolean;
  /** Answers a plain request of a `server` of yours when it is for the database, and gives whether it was. */
  readonly handle: (request: IncomingMessage, response: ServerResponse) => boolean;
  /**
   * Writes a backup to a file that is not there yet, while calls go on. Throws `data-folder-unusable` when it can't be
   * written, `not-found` for a database in memory.
   */
  readonly backup: (to: string) => Promise<DatabaseReport>;
  /** Ends all connections, makes everything durable, and lets go of port and folder. */
  readonly close: () => Promise<void>;
}

/**
 * Serves a module until `close`. Throws `port-in-use`, `address-unusable`, `data-folder-unusable`, `database-corrupt`,
 * `schema-changed`, `module-invalid` or `option-invalid`, each with what to do.
 */
export async function serve(options: ServeOptions): Promise<Served> {
  const { name = 'main', host = '127.0.0.1', port = 3000 } = options;
  checkOptions(options);
  if (options.server === undefined) checkPort(port);
  const told = { ...printedDiagnostics(), ...options.diagnostics };
  const environment = nodeEnvironment();
  const kept = new KeptDiagnostics(told);
  const database = await openDatabase({
    definition: defineModule(options.module),
    name,
    data: options.data,
    environment,
    diagnostics: kept.all,
    guard: options.guard ?? process.env['NODE_ENV'] !== 'production',
    timestampToleranceMs: options.timestampToleranceMs,
    logBytesMax: options.logBytesMax,
    logAgeMsMax: options.logAgeMsMax,
    behindBytesMax: options.behindBytesMax,
    limits: options.limits,
  });
  const { authority, hub, folder, authenticate } = database;
  kept.keepIn(folder?.diagnosticsFile);
  const gateway = new Gateway({
    accept: (connect) => hub.accept(connect),
    scheduler: environment.scheduler,
    connectionFailed: told.connectionFailed,
    ...(options.limits !== undefined && { limits: options.limits }),
  });
  const callers = new Callers({ authority, environment, newConnectionId: () => hub.newConnectionId() });
  const isOurs = (nameOrIdentity: string | undefined): boolean =>
    nameOrIdentity === name || nameOrIdentity === authority.databaseIdentity.toHexString();
  const http: HttpOptions = {
    database: name,
    isOurs,
    health: () => ({ failure: authority.failure, seq: authority.durableSeq, connections: gateway.connectionCount }),
    newIdentity: () => authenticate(''),
    routes: new DatabaseRoutes({ name, authority, authenticate, callers, diagnostics: kept.lines, views: hub.views }),
  };
  const handle: Served['handle'] = (request, response) => handleRequest(request, response, http);

  const others = options.requests ?? answerNotFound;
  const own =
    options.server === undefined
      ? createServer((request, response) => void (handle(request, response) || others(request, response)))
      : undefined;
  const server = options.server ?? (own as Server);
  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    if (isOurs(subscribedDatabase(request))) gateway.upgrade(request, socket, head);
    else if (own !== undefined) refuseUpgrade(socket, 404, notFound(pathOf(request)));
  };
  server.on('upgrade', upgrade);
  const silence = listenToModule(authority.engine, kept.all.modulePrinted);
  const unwatch = listenToStrayPromises((error) => kept.all.reducerThrew('that is not known', error));
  const leaveAddress = (): void => {
    const url = urlOf(server);
    if (folder !== undefined && url !== '') writeAddress(folder.addressFile, { url, pid: process.pid });
  };
  const stop = async (): Promise<void> => {
    server.off('upgrade', upgrade);
    server.off('listening', leaveAddress);
    hub.close();
    callers.close();
    await gateway.close();
    if (folder !== undefined) removeAddress(folder.addressFile);
    await Promise.all([database.close(), own === undefined ? undefined : stopListening(own)]);
    silence();
    unwatch();
    kept.lines.flush();
  };
  try {
    if (own !== undefined) await listen(own, port, host);
  } catch (error) {
    await stop();
    throw error;
  }
  if (server.listening) leaveAddress();
  else server.once('listening', leaveAddress);
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= stop());
  if (options.handleSignals === true) closeOnSignals({ close, failed: told.connectionFailed });
  return {
    url: urlOf(server),
    port: addressOf(server)?.port ?? port,
    authority,
    adopt: (module) => database.adopt(defineModule(module)),
    handle,
    backup: async (to) => {
      if (options.data === undefined)
        throw new ForerunError('not-found', 'This database is in memory. Serve it with the option data to back it up.');
      return backupOnThread({ data: options.data, name, to });
    },
    close,
  };
}

/** WebSockets have ended by now; what is left are idle connections and requests under way. */
function stopListening(server: Server): Promise<void> {
  if (!server.listening) return Promise.resolve();
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

function addressOf(server: Server): AddressInfo | undefined {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address : undefined;
}

/** Empty while it does not listen. */
function urlOf(server: Server): string {
  const address = addressOf(server);
  return address === undefined ? '' : `http://${urlHost(address)}:${address.port}`;
}

/** What a browser on this machine can open. */
function urlHost({ address, family }: AddressInfo): string {
  if (address === '0.0.0.0' || address === '::') return 'localhost';
  return family === 'IPv6' ? `[${address}]` : address;
}
