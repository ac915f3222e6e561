/** Vite's dev server with the plugin alone, for the folder that is its argument. Prints its address. */

import { createServer } from 'vite';
import { forerun } from '../../server/vite.ts';

const conditions = ['forerun-source'];
const server = await createServer({
  root: process.argv[2] ?? '.',
  configFile: false,
  plugins: [forerun({ module: './module.ts' })],
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  server: { port: 0 },
});
await server.listen();
server.printUrls();
