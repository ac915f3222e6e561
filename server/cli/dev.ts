/** `forerun dev`: Vite's dev server with the project's own configuration, which brings the databases along. */

import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { InlineConfig, Plugin, ViteDevServer } from 'vite';
import { openDataFolder } from '../log/data-folder.ts';
import { forerun, type ForerunPluginApi } from '../vite.ts';
import { exitCodes, Failure } from './failure.ts';
import { type ProjectPackage, requireProject } from './project.ts';
import { print } from './terminal.ts';

export interface DevOptions {
  readonly port?: number;
  readonly host?: string | true;
  readonly data?: string;
  readonly reset?: boolean;
  readonly module?: string;
}

export async function dev(options: DevOptions): Promise<void> {
  const project = requireProject();
  // Read by the plugin, which the project configures.
  if (options.data !== undefined) process.env['FORERUN_DATA'] = resolve(options.data);
  const { createServer } = await viteOf(project);
  const server = await createServer(configOf(project, options));
  const plugin = server.config.plugins.find(({ name }) => name === 'forerun') as Plugin<ForerunPluginApi> | undefined;
  if (plugin?.api === undefined) {
    await server.close();
    throw new Failure(
      `${server.config.configFile ?? 'The Vite configuration'} lacks our plugin. Add to its plugins: forerun({ module: './src/module.ts' }), from forerun/vite.`,
    );
  }
  try {
    if (options.reset === true) reset(plugin.api);
    await server.listen();
  } catch (cause) {
    await server.close();
    throw portTaken(cause, options.port);
  }
  server.printUrls();
  endWithProcess(server);
}

type Vite = typeof import('vite');

/** The project's own, whichever version it has. */
async function viteOf({ folder }: ProjectPackage): Promise<Vite> {
  try {
    const path = createRequire(join(folder, 'package.json')).resolve('vite');
    return (await import(pathToFileURL(path).href)) as Vite;
  } catch (cause) {
    throw new Failure(
      'Vite is not installed in this project. Run npm install, or add it with: npm install -D vite',
      exitCodes.failed,
      { cause },
    );
  }
}

function configOf({ folder, module }: ProjectPackage, options: DevOptions): InlineConfig {
  const alone = options.module ?? module;
  return {
    root: folder,
    server: {
      ...(options.port !== undefined && { port: options.port, strictPort: true }),
      ...(options.host !== undefined && { host: options.host }),
    },
    // A project without a page has no configuration either.
    ...(alone !== undefined && {
      configFile: false,
      appType: 'custom',
      plugins: [forerun({ module: relative(folder, resolve(options.module === undefined ? folder : '', alone)) })],
    }),
  };
}

function reset({ modules, dataFolder }: ForerunPluginApi): void {
  const folder = dataFolder();
  // Not below a server that has it open.
  for (const name of modules().keys()) openDataFolder(join(folder, name), name).release();
  rmSync(folder, { recursive: true, force: true });
  print(`  Deleted the data in ${relative('', folder)}`);
}

function portTaken(cause: unknown, port: number | undefined): unknown {
  if (port === undefined || !(cause instanceof Error) || !/already in use|EADDRINUSE/.test(cause.message)) return cause;
  return new Failure(
    `Port ${port} is taken by another program. Stop that one, choose another (--port ${port + 1}), or leave --port out to take the next free one.`,
    exitCodes.failed,
    { cause },
  );
}

function endWithProcess(server: ViteDevServer): void {
  const end = (): void => {
    server.close().then(() => process.exit());
  };
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
  if (process.stdin.isTTY) server.bindCLIShortcuts({ print: true });
}
