/**
 * The demos as they would be in production: pages built by Vite, modules run by `serve` without the checks of development,
 * all on one free port. Prints its address when everything is served; ends on SIGTERM.
 */

import { existsSync, mkdtempSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serve } from 'forerun/server';
import { build } from 'vite';
import * as arena from '../../demo/arena/module.ts';
import * as chat from '../../demo/chat/module.ts';
import { fillFlights } from '../../demo/flights/load.ts';
import * as flights from '../../demo/flights/module.ts';
import * as pad from '../../demo/pad/module.ts';
import { StaticFiles } from '../../server/cli/static-files.ts';
import { nodeEnvironment } from '../../server/environment.ts';
import { OwnCalls } from '../../server/own-calls.ts';

const data = process.env['FORERUN_DEMO_DATA'] ?? mkdtempSync(join(tmpdir(), 'forerun-demos-'));
const pages = join(data, 'pages');
if (!existsSync(pages))
  await build({
    configFile: `${import.meta.dirname}/../../vite.config.ts`,
    mode: 'production',
    logLevel: 'error',
    build: { outDir: pages },
  });
const files = new StaticFiles(pages);
const server = createServer();
const modules = Object.entries({ arena, chat, flights, pad });
const served = await Promise.all(
  modules.map(([name, module]) =>
    // As the dev server has it: pages simulate latency.
    serve({ server, name, module, data: join(data, name), guard: false, timestampToleranceMs: 2_000 }),
  ),
);
server.on('request', (request, response) => {
  if (served.some((each) => each.handle(request, response)) || files.handle(request, response)) return;
  response.writeHead(404).end();
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const address = server.address();
console.log(`http://localhost:${typeof address === 'object' ? address?.port : ''}/`);

const { authority } = served[modules.findIndex(([name]) => name === 'flights')] as (typeof served)[number];
const own = new OwnCalls(authority, nodeEnvironment());
await fillFlights(
  {
    importFlights: (args) => own.call('importFlights', args),
    query: (sql, ...params) => authority.engine.select(sql, params).rows,
  },
  Number(process.env['FORERUN_DEMO_FLIGHTS'] ?? 200_000),
);

process.once('SIGTERM', () => {
  server.close();
  void Promise.all(served.map((each) => each.close())).then(() => process.exit(0));
});
