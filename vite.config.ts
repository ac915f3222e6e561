/**
 * The demos' dev server and build, and the test projects. Everything here imports `forerun` by its name and gets the
 * sources: the condition `forerun-source` of package.json leads there, nobody outside this checkout sets it.
 */

import { globSync } from 'node:fs';
import react from '@vitejs/plugin-react';
import { playwright } from '@vitest/browser-playwright';
import { defaultClientConditions, defaultServerConditions } from 'vite';
import { defineConfig } from 'vitest/config';
import { loadFlights } from './demo/flights/load.ts';
import { forerun } from './server/vite.ts';
import { chromiumArgs, findChromium } from './test/browser/chromium.ts';

const here = import.meta.dirname;
const chromium = findChromium();
const sourceCondition = 'forerun-source';
/** Where the demos keep their data, from `demo/`. */
const data = process.env.FORERUN_DEMO_DATA ?? '.forerun';
/** How many flights there are. */
const flightsMax = Number(process.env.FORERUN_DEMO_FLIGHTS ?? 200_000);

/** Somebody sits before it, and there is a screen for a browser. `BROWSER=none` says no, as Vite has it. */
const isWatched =
  process.stdout.isTTY === true &&
  !process.env.CI &&
  (process.platform !== 'linux' || Boolean(process.env.DISPLAY ?? process.env.WAYLAND_DISPLAY));

export default defineConfig(({ mode }) => ({
  root: mode === 'test' ? here : `${here}/demo`,
  appType: 'mpa',
  plugins: [
    react(),
    mode !== 'test' &&
      forerun({
        databases: {
          arena: './arena/module.ts',
          pad: './pad/module.ts',
          flights: './flights/module.ts',
          chat: './chat/module.ts',
        },
        data,
        ready: (database) => (database.name === 'flights' ? loadFlights(database, flightsMax) : undefined),
      }),
  ],
  resolve: { conditions: [sourceCondition, ...defaultClientConditions] },
  ssr: {
    resolve: {
      conditions: [sourceCondition, ...defaultServerConditions],
      // What Node itself imports; the script `dev` tells Node the same.
      externalConditions: [sourceCondition],
    },
  },
  worker: { format: 'es' },
  // Workers are not scanned for dependencies; one found late would reload the page in the middle of a test.
  optimizeDeps: {
    include: [
      '@noble/hashes/blake3.js',
      '@noble/hashes/utils.js',
      'comlink',
      'idb',
      'sql.js',
      'fast-check',
      'react',
      '@tanstack/db',
      '@tanstack/react-db',
      'react/jsx-dev-runtime',
      'react-dom/client',
      '@codemirror/commands',
      '@codemirror/state',
      '@codemirror/view',
      '@tanstack/react-virtual',
      'uplot',
    ],
  },
  server: { fs: { allow: [here] }, open: mode !== 'test' && isWatched },
  build: {
    emptyOutDir: true,
    rolldownOptions: { input: globSync(`${here}/demo/**/*.html`, { exclude: [`${here}/demo/dist/**`] }).sort() },
  },
  test: {
    testTimeout: 20_000,
    hookTimeout: 20_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'node',
          include: ['{core,worker,server,demo,test,bench,.ci}/**/*.test.{ts,tsx}'],
          exclude: ['**/*.browser.test.{ts,tsx}', '**/{node_modules,dist}/**'],
          setupFiles: ['test/seed.ts'],
          // Compiled as a whole; errors elsewhere are the typecheck script's.
          typecheck: { enabled: true, include: ['{core,worker,server,test}/**/*.test-d.ts'], ignoreSourceErrors: true },
        },
      },
      {
        extends: true,
        test: {
          name: 'browser',
          include: ['{core,worker,server,demo,test}/**/*.browser.test.{ts,tsx}'],
          exclude: ['**/{node_modules,dist}/**'],
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({
              launchOptions: { ...(chromium && { executablePath: chromium }), args: [...chromiumArgs] },
            }),
            instances: [{ browser: 'chromium' }],
          },
        },
      },
    ],
  },
}));
