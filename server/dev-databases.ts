/**
 * The databases beside Vite's dev server: opened when it listens, on its own port, and opened anew when their module
 * changes.
 *
 * Law: modules are loaded by Vite, and the `forerun` they import by Node, which is also where `serve` comes from: module
 * and authority share one copy. Data outlives every restart. A module that can't be served leaves its error in the
 * terminal and its database closed, until it changes.
 */

import type { Server } from 'node:http';
import { join } from 'node:path';
import type { EnvironmentModuleNode, ViteDevServer } from 'vite';
import type { SqlValue } from '../core/engine/sql-value.ts';
import type { ModuleExports } from '../core/module/module.ts';
import { nodeEnvironment } from './environment.ts';
import { OwnCalls, type OwnReducers } from './own-calls.ts';
import type { Served, serve } from './serve.ts';

/** A database that this process serves, for what is done to it from inside. */
export interface OwnDatabase {
  readonly name: string;
  /** Of the dev server, for `connect({ url })`. */
  readonly url: string;
  /** Calls of the database itself: `database.reducers<typeof game>().fill({ … })`. */
  readonly reducers: <M extends ModuleExports>() => OwnReducers<M>;
  /** The rows of any query. */
  readonly query: (sql: string, ...params: SqlValue[]) => SqlValue[][];
}

export interface DevDatabasesOptions {
  /** File of the module by name of the database. */
  readonly modules: ReadonlyMap<string, string>;
  readonly folder: string;
  readonly ready: ((database: OwnDatabase) => void | Promise<void>) | undefined;
}

interface Open {
  readonly served: Served;
  readonly calls: OwnCalls;
}

/** What is loaded through Vite: the module, and the server that shares its copy of `forerun`. */
interface Entry {
  readonly module: ModuleExports;
  readonly serve: typeof serve;
}

/** Begins the id of the module that exports an `Entry`; the name of the database follows. */
export const entryPrefix = 'virtual:forerun/';

/** As Vite's graph spells it. */
export function entryId(name: string): string {
  return `\0${entryPrefix}${name}`;
}

/** Its code. */
export function entryCode(file: string): string {
  return `export { serve } from 'forerun/server'; export * as module from ${JSON.stringify(file)};`;
}

const address = /^\/v1\/database\/([^/?]+)\/subscribe$/;

export class DevDatabases {
  readonly #server: ViteDevServer;
  readonly #options: DevDatabasesOptions;
  readonly #open = new Map<string, Open>();
  /** Opening and closing, one after the other. */
  #work: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(server: ViteDevServer, options: DevDatabasesOptions) {
    this.#server = server;
    this.#options = options;
    const { httpServer } = server;
    if (httpServer === null) {
      server.config.logger.warn(
        'forerun: Vite runs as middleware, without a server of its own: serve the database with serve().',
      );
      return;
    }
    httpServer.once('listening', () => this.#then(() => this.#openAll(options.modules.keys())));
    // Until it is open, a client is to try again soon and not to wait for an answer.
    httpServer.on('upgrade', ({ url = '' }, socket) => {
      const name = address.exec(url)?.[1];
      if (name !== undefined && options.modules.has(name) && !this.#open.has(name)) socket.destroy();
    });
  }

  /** The databases that run code of this file. */
  using(file: string): string[] {
    const changed = this.#server.environments['ssr']?.moduleGraph.getModulesByFile(file) ?? [];
    const entries = new Set([...changed].flatMap((node) => [...importersOf(node)]));
    return [...this.#options.modules.keys()].filter(
      (name) => this.#options.modules.get(name) === file || entries.has(entryId(name)),
    );
  }

  /** Serves the modules of these databases as they are now. */
  reopen(names: readonly string[]): Promise<void> {
    return this.#then(async () => {
      await this.#closeAll(names);
      await this.#openAll(names);
    });
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return this.#then(() => this.#closeAll([...this.#open.keys()]));
  }

  #then(work: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(work, work);
    return this.#work;
  }

  async #openAll(names: Iterable<string>): Promise<void> {
    for (const name of names) {
      if (this.#isClosed) return;
      try {
        const open = await this.#openOne(name);
        this.#open.set(name, open);
        this.#announce(name, open);
      } catch (error) {
        this.#report(name, error);
      }
    }
  }

  async #closeAll(names: readonly string[]): Promise<void> {
    await Promise.all(
      names.map(async (name) => {
        const open = this.#open.get(name);
        this.#open.delete(name);
        open?.calls.close();
        await open?.served.close();
      }),
    );
  }

  async #openOne(name: string): Promise<Open> {
    // What it exports is what `entryCode` says.
    const entry = (await this.#server.ssrLoadModule(entryPrefix + name)) as unknown as Entry;
    const served = await entry.serve({
      module: entry.module,
      name,
      data: join(this.#options.folder, name),
      guard: true,
      // Latency is simulated here, up to seconds; beyond the tolerance a row that stores the time would come out otherwise.
      timestampToleranceMs: 2_000,
      // Of an HTTPS server, too, nothing is used but its address and its requests to become a WebSocket.
      server: this.#server.httpServer as Server,
    });
    return { served, calls: new OwnCalls(served.authority, nodeEnvironment()) };
  }

  #announce(name: string, open: Open): void {
    const { served, calls } = open;
    const url = this.#server.resolvedUrls?.local[0]?.replace(/\/$/, '') ?? served.url;
    const { logger } = this.#server.config;
    logger.info(`  ➜  Database ${name}: ${url.replace(/^http/, 'ws')}/v1/database/${name}/subscribe`);
    const database: OwnDatabase = {
      name,
      url,
      // The proxy has what the type says: any reducer that is asked for.
      reducers: <M extends ModuleExports>() =>
        new Proxy({}, { get: (_, reducer) => (args: unknown) => calls.call(String(reducer), args) }) as OwnReducers<M>,
      query: (sql, ...params) => served.authority.engine.select(sql, params).rows,
    };
    const told = async (): Promise<void> => this.#options.ready?.(database);
    told().catch((error: unknown) => {
      // Of one that has been closed meanwhile nothing can be expected.
      if (this.#open.get(name) === open) this.#report(name, error);
    });
  }

  #report(name: string, error: unknown): void {
    // Vite is being closed: what was under way fails for that reason.
    if (this.#isClosed || this.#server.httpServer?.listening === false) return;
    this.#server.config.logger.error(`forerun: database ${name}: ${described(error)}`);
  }
}

/** Ids of all that imports it, directly or not. */
function importersOf(node: EnvironmentModuleNode, found: Set<string> = new Set()): Set<string> {
  for (const importer of node.importers) {
    if (importer.id === null || found.has(importer.id)) continue;
    found.add(importer.id);
    importersOf(importer, found);
  }
  return found;
}

/** Our own errors say what to do; where in our code they come from is of no use. */
function described(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.name === 'ForerunError' ? error.message : (error.stack ?? error.message);
}
