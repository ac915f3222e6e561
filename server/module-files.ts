/**
 * What the Vite plugin makes of a module's file: for a page the module with its worker attached, for the worker and the
 * authority the file as it is.
 *
 * Law: the file is never changed, and a reducer's line is where its author put it.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, posix, relative, sep } from 'node:path';
import type { CompiledModule } from '../core/module/compiled-module.ts';

/** Where `vite build` leaves the modules as the authority runs them: beside `dist`, whose files everybody may read. */
export const authorityFolder = 'dist-authority';

/** Asks for a module's file as it is. */
export const plain = '?forerun-plain';

/** Sent to pages: this database runs other code of its module now, to be imported from `url`. */
export const moduleEvent = 'forerun:module';
/** Sent to pages: a reducer of this database threw. */
export const threwEvent = 'forerun:threw';

export interface ModuleEvent {
  readonly database: string;
  readonly url: string;
}

export interface ThrewEvent {
  readonly database: string;
  readonly text: string;
}

/** Begins the id of the module that exports what the dev server serves; the name of the database follows. */
export const entryPrefix = 'virtual:forerun/';

/** As Vite's graph spells it. */
export function entryId(name: string): string {
  return `\0${entryPrefix}${name}`;
}

/** `serve` is loaded with the module, so that both share one copy of `forerun`. */
export function entryCode(file: string): string {
  return `export { serve } from 'forerun/server'; export * as module from ${JSON.stringify(file)};`;
}

/** The module as a page gets it: it attaches its worker when it is loaded, and in development passes new code on to it. */
export function pageModule(database: string, file: string, worker: string): string {
  const self = JSON.stringify(`./${posix.basename(file)}${plain}`);
  const url = JSON.stringify(from(file, worker));
  const name = JSON.stringify(database);
  return `
    import schema from ${self};
    import { adoptModule, attachWorker } from 'forerun/client';
    attachWorker(
      schema,
      () => new Worker(new URL(${url}, import.meta.url), { type: 'module' }),
      () => new SharedWorker(new URL(${url}, import.meta.url), { type: 'module' }),
    );
    if (import.meta.hot) {
      import.meta.hot.on('${moduleEvent}', ({ database, url }) => {
        if (database === ${name}) adoptModule(schema, url).catch((error) => console.error(error));
      });
      import.meta.hot.on('${threwEvent}', ({ database, text }) => {
        if (database === ${name}) console.error(text);
      });
    }
    export * from ${self};
    export default schema;
  `;
}

/** A real file, since bundlers follow workers by their files. Gives its path. A build has resolved the module for it. */
export function writeWorker(folder: string, name: string, module: string, compiled?: CompiledModule): string {
  const file = join(folder, `${encodeURIComponent(name)}.worker.js`);
  mkdirSync(folder, { recursive: true });
  const specifier = JSON.stringify(from(slashed(file), module) + plain);
  const args = compiled === undefined ? 'module' : `module, ${JSON.stringify(compiled)}`;
  writeFileSync(
    file,
    `import { host } from 'forerun/worker';\nimport * as module from ${specifier};\nhost(${args});\n`,
  );
  return slashed(file);
}

/** How `file` imports `target`. */
function from(file: string, target: string): string {
  const path = slashed(relative(dirname(file), target));
  return path.startsWith('.') ? path : `./${path}`;
}

export function slashed(path: string): string {
  return sep === '/' ? path : path.replaceAll(sep, '/');
}
