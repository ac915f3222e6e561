/**
 * `vite build` of the modules: for the authority each in a file of its own beside the built page, which `forerun start`
 * runs; and for the workers as data, for which they are run once here.
 *
 * Law: a module that is no sound one ends the build, with what the dev server says of it. One that can't be run here, since
 * it needs something of the authority's home, is resolved by its worker.
 */

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type ResolvedConfig } from 'vite';
import { ForerunError } from '../core/errors.ts';
import { type CompiledModule, compileModule } from '../core/module/compiled-module.ts';
import { defineModule, type ModuleExports } from '../core/module/module.ts';
import { authorityFolder } from './module-files.ts';

/** `modules`: name of the database to the module's file. Throws `module-invalid`. */
export async function buildModules(
  { root, mode, resolve, define, logger }: ResolvedConfig,
  modules: ReadonlyMap<string, string>,
): Promise<ReadonlyMap<string, CompiledModule>> {
  await build({
    root,
    mode,
    configFile: false,
    logLevel: 'warn',
    publicDir: false,
    resolve: { alias: resolve.alias },
    ...(define !== undefined && { define }),
    build: {
      ssr: true,
      outDir: authorityFolder,
      emptyOutDir: true,
      sourcemap: true,
      rolldownOptions: {
        input: Object.fromEntries(modules),
        external: [/^forerun($|\/)/],
        output: { entryFileNames: '[name].js' },
      },
    },
  });
  const compiled = new Map<string, CompiledModule>();
  for (const name of modules.keys()) {
    try {
      const file = pathToFileURL(join(root, authorityFolder, `${name}.js`)).href;
      const exports: ModuleExports = await import(/* @vite-ignore */ `${file}?built=${Date.now()}`);
      compiled.set(name, compileModule(defineModule(exports)));
    } catch (error) {
      if (error instanceof ForerunError && error.code === 'module-invalid') throw error;
      logger.warn(
        `forerun: database ${name}: its module can not be run by the build, so its worker resolves it: ${String(error)}`,
      );
    }
  }
  return compiled;
}
