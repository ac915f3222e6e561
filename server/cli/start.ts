/** `forerun start`: the built module and the built page on one port, for production. */

import { existsSync, readdirSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { basename, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ModuleExports } from '../../core/module/module.ts';
import { answerNotFound } from '../http.ts';
import { checkPort, listen } from '../listen.ts';
import { authorityFolder } from '../module-files.ts';
import { serve, type Served } from '../serve.ts';
import { exitCodes, Failure } from './failure.ts';
import { jsonLog, type JsonLog } from './json-log.ts';
import { defaultData, defaultDatabase, findProject } from './project.ts';
import { StaticFiles } from './static-files.ts';

export interface StartOptions {
  readonly port?: number;
  readonly host?: string;
  readonly data?: string;
  readonly module?: string;
  readonly static?: string;
  readonly logLevel?: string;
}

const logLevels = ['debug', 'info', 'warn', 'error'];

export async function start(options: StartOptions): Promise<void> {
  const { port = 3000, host = '127.0.0.1', logLevel = 'info' } = options;
  if (!logLevels.includes(logLevel))
    throw new Failure(`--log-level is one of ${logLevels.join(', ')}; got '${logLevel}'.`, exitCodes.usage);
  checkPort(port);
  const log = jsonLog(logLevel);
  const project = findProject();
  const root = project?.folder ?? '.';
  const modules = modulesOf(root, options.module ?? project?.module);
  const files = staticFiles(root, options.static);
  const data = resolve(options.data ?? join(root, defaultData));

  const server = createServer();
  const served: Served[] = [];
  try {
    for (const [name, file] of modules) served.push(await serveOne(server, name, file, join(data, name), log));
    server.on('request', (request, response) => {
      if (served.some((each) => each.handle(request, response))) return;
      if (files === undefined || !files.handle(request, response)) answerNotFound(request, response);
    });
    await listen(server, port, host);
  } catch (error) {
    await Promise.all(served.map((each) => each.close()));
    throw error;
  }
  const { port: taken } = server.address() as { port: number };
  log.info({ url: `http://${host}:${taken}`, databases: [...modules.keys()], data }, 'listening');
  endGracefully(server, served, log);
}

async function serveOne(server: Server, name: string, file: string, data: string, log: JsonLog): Promise<Served> {
  const module = await imported(file);
  return serve({ server, name, module, data, guard: false, diagnostics: log.diagnostics(name) });
}

async function imported(file: string): Promise<ModuleExports> {
  try {
    return (await import(pathToFileURL(file).href)) as ModuleExports;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Failure(`The module ${relative('', file)} can't be loaded: ${reason}`, exitCodes.failed, { cause });
  }
}

function modulesOf(root: string, named: string | undefined): ReadonlyMap<string, string> {
  if (named !== undefined) {
    const file = resolve(named);
    if (!existsSync(file)) throw new Failure(`There is no module ${named}. Name its file with --module.`);
    return new Map([[defaultDatabase, file]]);
  }
  const folder = join(root, authorityFolder);
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.js')) : [];
  if (files.length === 0)
    throw new Failure(
      `There is no built module in ${authorityFolder}. Build the project first (npm run build), or name one with --module.`,
    );
  return new Map(files.map((name) => [basename(name, '.js'), resolve(folder, name)]));
}

function staticFiles(root: string, named: string | undefined): StaticFiles | undefined {
  const folder = resolve(named ?? join(root, 'dist'));
  if (existsSync(folder)) return new StaticFiles(folder);
  if (named !== undefined) throw new Failure(`There is no folder ${named} to serve (--static).`);
  return undefined;
}

/** Once: a second signal ends it at once. */
function endGracefully(server: Server, served: readonly Served[], log: JsonLog): void {
  const end = (signal: NodeJS.Signals): void => {
    log.info({ signal }, 'stopping');
    process.once(signal, () => process.exit(1));
    server.close();
    Promise.all(served.map((each) => each.close())).then(() => {
      server.closeAllConnections();
      log.info({}, 'stopped');
    });
  };
  process.once('SIGTERM', end);
  process.once('SIGINT', end);
}
