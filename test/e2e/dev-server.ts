/**
 * The demos' dev server as `npm run dev` starts it, on a free port and without an eye on the sources. Prints its address
 * as soon as it serves; ends on SIGTERM.
 */

import { createServer } from 'vite';

const server = await createServer({
  configFile: `${import.meta.dirname}/../../vite.config.ts`,
  mode: 'development',
  logLevel: 'error',
  server: { port: 0, watch: null, hmr: false },
});
await server.listen();
console.log(server.resolvedUrls?.local[0]);
