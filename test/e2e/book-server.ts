/**
 * The book as built for production, and its authority, on one port: its arguments are the folder for page and data, and the
 * port. Prints its address. A page of few files is loaded in a fraction of the time that a development server takes.
 */

import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { build, defaultClientConditions } from 'vite';
import { StaticFiles } from '../../server/cli/static-files.ts';
import { answerNotFound } from '../../server/http.ts';
import { listen } from '../../server/listen.ts';
import { serve } from '../../server/serve.ts';
import { forerun } from '../../server/vite.ts';
import * as book from './book/module.ts';

const [folder = '.', port = '0'] = process.argv.slice(2);
const page = join(folder, 'page');
if (!existsSync(page)) await buildPage();

const server = createServer();
const served = await serve({ server, name: 'main', module: book, data: join(folder, 'data') });
const files = new StaticFiles(page);
server.on('request', (request, response) => {
  if (!served.handle(request, response) && !files.handle(request, response)) answerNotFound(request, response);
});
await listen(server, Number(port), 'localhost');
process.once('SIGTERM', async () => {
  await served.close();
  process.exit();
});
console.log(`http://localhost:${(server.address() as { readonly port: number }).port}`);

async function buildPage(): Promise<void> {
  await build({
    root: join(import.meta.dirname, 'book'),
    configFile: false,
    logLevel: 'warn',
    // The plugin's worker lies there, and imports `forerun` from there.
    cacheDir: join(import.meta.dirname, '../../node_modules/.vite-book'),
    // The authority runs the module's source.
    plugins: forerun({ module: './module.ts', offline: process.env['BOOK_OFFLINE'] === '1' }).map((plugin) => ({
      ...plugin,
      closeBundle: undefined,
    })),
    resolve: { conditions: ['forerun-source', ...defaultClientConditions] },
    build: { outDir: page, emptyOutDir: true },
  });
}
