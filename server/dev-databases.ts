/**
 * The databases beside Vite's dev server: opened when it listens, on its own port, and given new code when their module
 * changes.
 *
 * Law: modules are loaded by Vite, and the `forerun` they import by Node, which is also where `serve` comes from: module
 * and authority share one copy. Data outlives every change. A module that can't be served leaves the one before it
 * running, its error in the terminal and over the page, until it changes.
 */

import type { Server } from 'node:http';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { EnvironmentModuleNode, ViteDevServer } from 'vite';
import type { SqlValue } from '../core/engine/sql-value.ts';
import { isModuleExport } from '../core/module/module-export.ts';
import type { ModuleExports } from '../core/module/module.ts';
import { isTable } from '../core/module/table.ts';
import { nodeEnvironment } from './environment.ts';
import { entryId, entryPrefix } from './module-files.ts';
import { OwnCalls, type OwnReducers } from './own-calls.ts';
import type { Served, serve } from './serve.ts';
import { describedWithSource, placeOf, type SourcePlace } from './source-frame.ts';

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
  /** A reducer threw; the text says which, what and where in the sources. */
  readonly threw: (database: string, text: string) => void;
}

/** What became of a module that has changed. */
export type Swap =
  /** Its new code runs. `othersChanged`: exports that are no part of the database are others, too. */
  | { readonly type: 'code'; readonly othersChanged: boolean }
  /** Its tables or arguments are others: clients have to be built from it anew. */
  | { readonly type: 'reopened' }
  /** The one before goes on, if there was one. */
  | { readonly type: 'failed'; readonly failure: SwapFailure };

export interface SwapFailure {
  readonly message: string;
  /** The module's, or the one that the error comes from. */
  readonly file: string;
  readonly place: SourcePlace | undefined;
}

interface Open {
  readonly entry: Entry;
  readonly served: Served;
  readonly calls: OwnCalls;
}

/** What is loaded through Vite: the module, and the server that shares its copy of `forerun`. */
interface Entry {
  readonly module: ModuleExports;
  readonly serve: typeof serve;
}

const address = /^\/v1\/database\/([^/?]+)\/subscribe$/;

export class DevDatabases {
  readonly #server: ViteDevServer;
  readonly #options: DevDatabasesOptions;
  readonly #open = new Map<string, Open>();
  readonly #failures = new Map<string, SwapFailure>();
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
    server.middlewares.use((request, response, next) => {
      for (const { served } of this.#open.values()) if (served.handle(request, response)) return;
      next();
    });
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

  /** Why a database does not run the module as it is now, if so. */
  failureOf(name: string): SwapFailure | undefined {
    return this.#failures.get(name);
  }

  /** Serves a database's module as it is now. */
  swap(name: string): Promise<Swap> {
    return this.#then(async () => {
      try {
        const swap = await this.#swap(name);
        this.#failures.delete(name);
        const news = swap.type === 'code' ? 'runs the new code' : 'runs the changed module, its rows were kept';
        this.#server.config.logger.info(`forerun: database ${name} ${news}`, { timestamp: true });
        return swap;
      } catch (error) {
        return { type: 'failed', failure: this.#report(name, error) };
      }
    });
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return this.#then(() => this.#closeAll([...this.#open.keys()]));
  }

  #then<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#work.then(work, work);
    this.#work = done.then(
      () => {},
      () => {},
    );
    return done;
  }

  async #openAll(names: Iterable<string>): Promise<void> {
    for (const name of names) {
      if (this.#isClosed) return;
      try {
        await this.#openOne(name, await this.#load(name));
      } catch (error) {
        this.#report(name, error);
      }
    }
  }

  async #swap(name: string): Promise<Swap> {
    const entry = await this.#load(name);
    const open = this.#open.get(name);
    if (open !== undefined) {
      if (open.served.adopt(entry.module)) {
        const othersChanged = !haveSameOthers(open.entry.module, entry.module);
        this.#open.set(name, { ...open, entry });
        return { type: 'code', othersChanged };
      }
      await this.#closeAll([name]);
    }
    try {
      await this.#openOne(name, entry);
    } catch (error) {
      // Rows may forbid what the tables allow.
      if (open !== undefined) await this.#openOne(name, open.entry);
      throw error;
    }
    return { type: 'reopened' };
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

  async #load(name: string): Promise<Entry> {
    // What it exports is what `entryCode` says.
    return (await this.#server.ssrLoadModule(entryPrefix + name)) as unknown as Entry;
  }

  async #openOne(name: string, entry: Entry): Promise<void> {
    const served = await entry.serve({
      module: entry.module,
      name,
      data: join(this.#options.folder, name),
      guard: true,
      // Latency is simulated here, up to seconds; beyond the tolerance a row that stores the time would come out otherwise.
      timestampToleranceMs: 2_000,
      // Of an HTTPS server, too, nothing is used but its address and its requests to become a WebSocket.
      server: this.#server.httpServer as Server,
      diagnostics: {
        reducerThrew: (reducer, error) => this.#threw(name, reducer, error),
        modulePrinted: (level, reducer, text) => {
          const { logger } = this.#server.config;
          const print = level === 'error' ? logger.error : level === 'warn' ? logger.warn : logger.info;
          print.call(logger, `forerun: ${reducer} printed: ${text}`, { timestamp: true });
        },
      },
    });
    const open = { entry, served, calls: new OwnCalls(served.authority, nodeEnvironment()) };
    this.#open.set(name, open);
    this.#announce(name, open);
  }

  #threw(name: string, reducer: string, error: unknown): void {
    const { config } = this.#server;
    const text = `The reducer '${reducer}' threw, its call was rejected: ${describedWithSource(this.#mapped(error), config.root)}`;
    config.logger.error(`forerun: database ${name}: ${text}`, { timestamp: true });
    this.#options.threw(name, text);
  }

  /** With the lines of the sources on its stack. */
  #mapped(error: unknown): unknown {
    if (error instanceof Error) this.#server.ssrFixStacktrace(error);
    return error;
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

  #report(name: string, error: unknown): SwapFailure {
    const { config, httpServer } = this.#server;
    const file = this.#options.modules.get(name) ?? name;
    // Our own errors say what to do; where in our code they come from is of no use.
    const isOurs = error instanceof Error && error.name === 'ForerunError';
    const mapped = this.#mapped(error);
    const place = mapped instanceof Error ? placeOf(mapped.stack ?? '', config.root) : undefined;
    const message = isOurs ? (error as Error).message : describedWithSource(mapped, config.root);
    const failure = { message: `Database ${name}: ${message}`, file, place };
    // Vite is being closed: what was under way fails for that reason.
    if (this.#isClosed || httpServer?.listening === false) return failure;
    this.#failures.set(name, failure);
    config.logger.error(`forerun: database ${name}: ${message}`, { timestamp: true });
    return failure;
  }
}

/** All but what belongs to the database: what a page may use of the module. */
function haveSameOthers(before: ModuleExports, after: ModuleExports): boolean {
  const isOther = (value: unknown): boolean => !isModuleExport(value) && !isTable(value);
  const others = (module: ModuleExports): Map<string, unknown> =>
    new Map(
      Object.entries(module).flatMap(([name, value]) =>
        name === 'default' || !isOther(value) ? [] : [[name, typeof value === 'function' ? String(value) : value]],
      ),
    );
  return isDeepStrictEqual(others(before), others(after));
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
