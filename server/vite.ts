/**
 * `forerun/vite`: while a page is being developed, its authority runs beside Vite's dev server, on the same port; and in
 * dev and build alike, `connect({ module })` finds the worker that the page needs, without a file for it.
 *
 *     plugins: [forerun({ module: './src/module.ts' })]
 *     plugins: [forerun({ databases: { chat: './chat/module.ts', game: './game/module.ts' } })]
 *
 * Law: what a page imports as the module is the module, beside the lines that attach its worker (`module-files.ts`). When
 * its code changes, authority and workers go on with the new code and the page stays; when its tables or arguments do, the
 * rows are carried over and the page is loaded anew; when that is refused, the old one goes on, and terminal and page say
 * why.
 */

import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { DevEnvironment, EnvironmentModuleNode, ErrorPayload, Plugin, ResolvedConfig, ViteDevServer } from 'vite';
import { ForerunError } from '../core/errors.ts';
import type { CompiledModule } from '../core/module/compiled-module.ts';
import { withoutAuthorityCode } from './authority-only.ts';
import { buildModules } from './build-modules.ts';
import { DevDatabases, type OwnDatabase, type SwapFailure } from './dev-databases.ts';
import {
  entryCode,
  entryId,
  entryPrefix,
  type ModuleEvent,
  moduleEvent,
  pageModule,
  plain,
  slashed,
  type ThrewEvent,
  threwEvent,
  writeWorker,
} from './module-files.ts';
import { offlinePage } from './offline-page.ts';

export type { OwnDatabase } from './dev-databases.ts';
export type { OwnReducers } from './own-calls.ts';

export interface ForerunPluginOptions {
  /** File of the module, from Vite's root. Its database is called `main`. */
  readonly module?: string;
  /** Several: name of the database to file of its module. */
  readonly databases?: Readonly<Record<string, string>>;
  /** Folder for the data, from Vite's root; keep it out of version control. Default `.forerun`. */
  readonly data?: string;
  /**
   * In a build: a service worker that keeps the page's files in the browser, so that the page opens without a network.
   * Default false.
   */
  readonly offline?: boolean;
  /** Called when a database of the dev server has begun to be served, after each start: to fill it, for example. */
  readonly ready?: (database: OwnDatabase) => void | Promise<void>;
}

/** What the command line asks a project's plugin for. */
export interface ForerunPluginApi {
  /** Name of the database to the path of its module. */
  readonly modules: () => ReadonlyMap<string, string>;
  readonly dataFolder: () => string;
}

/** For so long after a change of a file the watcher passes over another one of it, and then some. */
const watcherDeafMs = 100;

/** The plugin. Throws `args-invalid` when no module is named. */
export function forerun(options: ForerunPluginOptions): Plugin[] {
  const named = { ...options.databases, ...(options.module !== undefined && { main: options.module }) };
  if (Object.keys(named).length === 0) {
    throw new ForerunError(
      'args-invalid',
      "forerun(): name the module's file: forerun({ module: './src/module.ts' }).",
    );
  }
  /** Name of the database by the module's file, as Vite spells it. */
  let databases = new Map<string, string>();
  let workers = '';
  let root = '';
  let dev: DevDatabases | undefined;
  let isBuild = false;
  let resolved: ResolvedConfig | undefined;
  /** What the build makes for the authority, and of it for the workers. */
  let built: Promise<ReadonlyMap<string, CompiledModule>> | undefined;
  const modules = (): Map<string, string> => new Map([...databases].map(([file, name]) => [name, file]));
  // The command line's word goes before the configuration's.
  const dataFolder = (): string => resolve(root, process.env['FORERUN_DATA'] ?? options.data ?? '.forerun');

  const forerunPlugin: Plugin<ForerunPluginApi> = {
    name: 'forerun',
    // Before Vite's own, which would read the file.
    enforce: 'pre',
    api: { modules, dataFolder },
    config: ({ worker }) => ({
      // Workers are built with plugins of their own.
      // They load some of their code when it is needed, which only modules can.
      worker: { format: 'es', plugins: () => [...(worker?.plugins?.() ?? []), withoutAuthority()] },
      ssr: { external: ['forerun', 'forerun/server'] },
      optimizeDeps: isInstalled() ? { include: ['forerun', 'forerun/client', 'forerun/worker'] } : {},
      server: { watch: { ignored: [`**/${options.data ?? '.forerun'}/**`] } },
    }),
    configResolved(config) {
      root = config.root;
      databases = new Map(Object.entries(named).map(([name, file]) => [slashed(resolve(root, file)), name]));
      workers = join(config.cacheDir, 'forerun');
      resolved = config;
      isBuild = config.command === 'build';
    },
    resolveId: (id) => (id.startsWith(entryPrefix) ? `\0${id}` : undefined),
    async load(id) {
      const entry = [...databases].find(([, name]) => id === entryId(name));
      if (entry !== undefined) return entryCode(entry[0]);
      const name = databases.get(id);
      if (name === undefined || this.environment.config.consumer !== 'client') return undefined;
      const failure = dev?.failureOf(name);
      // Vite shows it over the page, which could not reach the database anyway.
      if (failure !== undefined) throw Object.assign(new Error(failure.message), overlayError(failure));
      if (isBuild && resolved !== undefined) built ??= buildModules(resolved, modules());
      return pageModule(name, id, writeWorker(workers, name, id, (await built)?.get(name)));
    },
    configureServer(server) {
      dev = new DevDatabases(server, {
        modules: modules(),
        folder: dataFolder(),
        ready: options.ready,
        threw: (database, text) =>
          server.environments['client']?.hot.send(threwEvent, { database, text } satisfies ThrewEvent),
      });
    },
    async hotUpdate({ type, file, timestamp, modules: changed, read, server }) {
      const names = dev?.using(file) ?? [];
      if (dev === undefined || names.length === 0) return undefined;
      const { environment } = this;
      if (environment.name !== 'client') return [];
      lookAgain(file, server);
      // In the middle of being written; what it will hold is another change.
      if (type === 'update' && (await read()).trim() === '') return [];
      const swaps = await Promise.all(names.map((name) => (dev as DevDatabases).swap(name)));
      const failed = swaps.find((swap) => swap.type === 'failed');
      if (failed?.type === 'failed') {
        environment.hot.send({ type: 'error', err: overlayError(failed.failure) });
        return [];
      }
      // Page and worker run the module that was. Both start anew, now that the new one is served.
      if (swaps.some((swap) => swap.type === 'reopened')) {
        environment.hot.send({ type: 'full-reload' });
        return [];
      }
      for (const name of names) sendCode(environment, name, modules().get(name) ?? '', file, timestamp);
      // The page itself goes on with what it has, unless it uses more of these files than reducers.
      const isPagesToo =
        swaps.some((swap) => swap.type === 'code' && swap.othersChanged) || isImportedBeside(changed, databases);
      return isPagesToo ? undefined : [];
    },
    async closeBundle() {
      await dev?.close();
      if (!isBuild || resolved === undefined || this.environment.name !== 'client') return;
      // Of a page that imports no module, too.
      await (built ?? buildModules(resolved, modules()));
      built = undefined;
    },
  };
  return [forerunPlugin, withoutAuthority(), ...(options.offline === true ? [offlinePage()] : [])];
}

/** A file that is written twice at once: the watcher tells of the first time only. */
function lookAgain(file: string, { watcher }: ViteDevServer): void {
  const writtenMs = (): number | undefined => statSync(file, { throwIfNoEntry: false })?.mtimeMs;
  const before = writtenMs();
  setTimeout(() => {
    if (writtenMs() !== before) watcher.emit('change', file);
  }, watcherDeafMs);
}

/** Has the workers of this database import their module anew, with everything that has changed below it. */
function sendCode(
  environment: DevEnvironment,
  database: string,
  moduleFile: string,
  changedFile: string,
  timestamp: number,
): void {
  const { moduleGraph, config } = environment;
  const seen = new Set<EnvironmentModuleNode>();
  for (const node of moduleGraph.getModulesByFile(changedFile) ?? [])
    moduleGraph.invalidateModule(node, seen, timestamp, true);
  for (const node of moduleGraph.getModulesByFile(moduleFile) ?? []) {
    if (node.id?.endsWith(plain) !== true) continue;
    const url = `${config.base.replace(/\/$/, '')}${node.url}&t=${timestamp}`;
    environment.hot.send(moduleEvent, { database, url } satisfies ModuleEvent);
  }
}

/** Whether a page imports one of these by another way than a module of a database. */
function isImportedBeside(changed: readonly EnvironmentModuleNode[], databases: ReadonlyMap<string, string>): boolean {
  const seen = new Set<EnvironmentModuleNode>();
  const reachesPage = (node: EnvironmentModuleNode): boolean => {
    if (seen.has(node) || (node.file !== null && databases.has(node.file))) return false;
    seen.add(node);
    return node.importers.size === 0 || [...node.importers].some(reachesPage);
  };
  return changed.some(reachesPage);
}

/** For page and worker alike. */
function withoutAuthority(): Plugin {
  return {
    name: 'forerun:without-authority',
    apply: 'build',
    enforce: 'pre',
    transform(code, id) {
      if (this.environment.config.consumer !== 'client' || !/\.[cm]?[jt]sx?(\?|$)/.test(id)) return undefined;
      const kept = id.includes('/node_modules/') ? undefined : withoutAuthorityCode(code, id);
      return kept === undefined ? undefined : { code: kept, map: null };
    },
  };
}

/** As it goes over the wire to the page. */
function overlayError({ message, place, file }: SwapFailure): ErrorPayload['err'] {
  return {
    message,
    stack: '',
    plugin: 'forerun',
    id: file,
    ...(place && { loc: { file, line: place.line, column: place.column }, frame: place.frame }),
  };
}

/** As a dependency, and so to be pre-bundled: a worker's dependencies would be found late, and reload the page. */
function isInstalled(): boolean {
  return /[\\/]node_modules[\\/]/.test(import.meta.url);
}
