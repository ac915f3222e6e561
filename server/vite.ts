/**
 * `forerun/vite`: while a page is being developed, its authority runs beside Vite's dev server, on the same port; and in
 * dev and build alike, `connect({ module })` finds the worker that the page needs, without a file for it.
 *
 *     plugins: [forerun({ module: './src/module.ts' })]
 *     plugins: [forerun({ databases: { chat: './chat/module.ts', game: './game/module.ts' } })]
 *
 * Law: what a page imports as the module is the module, unchanged, beside the one line that attaches its worker; the
 * worker and the authority import the file as it is.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, posix, relative, resolve, sep } from 'node:path';
import type { Plugin } from 'vite';
import { ForerunError } from '../core/errors.ts';
import { DevDatabases, entryCode, entryId, entryPrefix, type OwnDatabase } from './dev-databases.ts';

export type { OwnDatabase } from './dev-databases.ts';
export type { OwnReducers } from './own-calls.ts';

export interface ForerunPluginOptions {
  /** File of the module, from Vite's root. Its database is called `main`. */
  readonly module?: string;
  /** Several: name of the database to file of its module. */
  readonly databases?: Readonly<Record<string, string>>;
  /** Folder for the data, from Vite's root; keep it out of version control. Default `.forerun`. */
  readonly data?: string;
  /** Called when a database of the dev server has begun to be served, after each start: to fill it, for example. */
  readonly ready?: (database: OwnDatabase) => void | Promise<void>;
}

/** Asks for a module's file as it is. */
const plain = '?forerun-plain';

/** The plugin. Throws `args-invalid` when no module is named. */
export function forerun(options: ForerunPluginOptions): Plugin {
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
  let dev: DevDatabases | undefined;

  return {
    name: 'forerun',
    // Before Vite's own, which would read the file.
    enforce: 'pre',
    config: () => ({
      ssr: { external: ['forerun', 'forerun/server'] },
      optimizeDeps: isInstalled() ? { include: ['forerun', 'forerun/client', 'forerun/worker'] } : {},
      server: { watch: { ignored: [`**/${options.data ?? '.forerun'}/**`] } },
    }),
    configResolved({ root, cacheDir }) {
      databases = new Map(Object.entries(named).map(([name, file]) => [slashed(resolve(root, file)), name]));
      workers = join(cacheDir, 'forerun');
    },
    resolveId: (id) => (id.startsWith(entryPrefix) ? `\0${id}` : undefined),
    load(id) {
      const entry = [...databases].find(([, name]) => id === entryId(name));
      if (entry !== undefined) return entryCode(entry[0]);
      const name = databases.get(id);
      if (name === undefined || this.environment.config.consumer !== 'client') return undefined;
      return withWorker(id, writeWorker(workers, name, id));
    },
    configureServer(server) {
      dev = new DevDatabases(server, {
        modules: new Map([...databases].map(([file, name]) => [name, file])),
        folder: resolve(server.config.root, options.data ?? '.forerun'),
        ready: options.ready,
      });
    },
    async hotUpdate({ file }) {
      const names = dev?.using(file) ?? [];
      if (names.length === 0) return undefined;
      if (this.environment.name === 'client') {
        await dev?.reopen(names);
        // Page and worker run the module that was. Both start anew, now that the new one is served.
        this.environment.hot.send({ type: 'full-reload' });
      }
      return [];
    },
    async closeBundle() {
      await dev?.close();
    },
  };
}

/** The module, which attaches its worker when it is loaded. */
function withWorker(file: string, worker: string): string {
  const self = JSON.stringify(`./${posix.basename(file)}${plain}`);
  const url = JSON.stringify(from(file, worker));
  return `
    import schema from ${self};
    import { attachWorker } from 'forerun/client';
    attachWorker(schema, () => new Worker(new URL(${url}, import.meta.url), { type: 'module' }));
    export * from ${self};
    export default schema;
  `;
}

/** A real file, since bundlers follow workers by their files. */
function writeWorker(folder: string, name: string, module: string): string {
  const file = join(folder, `${encodeURIComponent(name)}.worker.js`);
  mkdirSync(folder, { recursive: true });
  const specifier = JSON.stringify(from(slashed(file), module) + plain);
  writeFileSync(file, `import { host } from 'forerun/worker';\nimport * as module from ${specifier};\nhost(module);\n`);
  return slashed(file);
}

/** How `file` imports `target`. */
function from(file: string, target: string): string {
  const path = slashed(relative(dirname(file), target));
  return path.startsWith('.') ? path : `./${path}`;
}

function slashed(path: string): string {
  return sep === '/' ? path : path.replaceAll(sep, '/');
}

/** As a dependency, and so to be pre-bundled: a worker's dependencies would be found late, and reload the page. */
function isInstalled(): boolean {
  return /[\\/]node_modules[\\/]/.test(import.meta.url);
}
