/** Vite's dev server for the book: its arguments are the folder for data, and the port. Prints its address. */

import { join } from 'node:path';
import { createServer, defaultClientConditions, defaultServerConditions } from 'vite';
import { forerun } from '../../server/vite.ts';

const [folder = '.', port = '0'] = process.argv.slice(2);
const condition = 'forerun-source';
const server = await createServer({
  root: join(import.meta.dirname, 'book'),
  configFile: false,
  // The plugin's worker lies there, and imports `forerun` from there.
  cacheDir: join(import.meta.dirname, '../../node_modules/.vite-book'),
  plugins: [forerun({ module: './module.ts', data: join(folder, 'data') })],
  resolve: { conditions: [condition, ...defaultClientConditions] },
  ssr: { resolve: { conditions: [condition, ...defaultServerConditions], externalConditions: [condition] } },
  // One that is found late would reload the page in the middle of a test.
  optimizeDeps: { include: ['@noble/hashes/blake3.js', '@noble/hashes/utils.js', 'comlink', 'idb', 'sql.js'] },
  server: {
    port: Number(port),
    strictPort: port !== '0',
    watch: null,
    hmr: false,
    fs: { allow: [join(import.meta.dirname, '../..'), folder] },
  },
});
await server.listen();
server.printUrls();
