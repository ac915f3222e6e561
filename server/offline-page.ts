/**
 * `forerun({ offline: true })`: a built page opens without a network. `vite build` then writes a service worker that keeps
 * the page's files in the browser, and has the page register it; development servers have none, which would show old files.
 *
 * Law: with a network the page is always the server's newest, so that a page built from an older module is left by a
 * reload; the kept one is for when the server can't be reached. Calls and rows are none of its business: they are with the
 * client, which goes by WebSocket.
 */

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Plugin, ResolvedConfig } from 'vite';
import { slashed } from './module-files.ts';

const serviceWorkerFile = 'service-worker.js';
const registration = 'virtual:forerun/offline';
/** A larger file, such as a film, is left to the network. */
const keptFileBytesMax = 16_777_216;
/** For so long the server is waited for before the kept page is shown. */
const networkMsMax = 3_000;

export function offlinePage(): Plugin {
  let config: ResolvedConfig | undefined;
  return {
    name: 'forerun:offline-page',
    apply: 'build',
    configResolved: (resolved) => {
      config = resolved;
    },
    transformIndexHtml: {
      order: 'pre',
      handler: () => [{ tag: 'script', attrs: { type: 'module' }, children: `import '${registration}';` }],
    },
    resolveId: (id) => (id === registration ? `\0${registration}` : undefined),
    load: (id) => (id === `\0${registration}` ? registrationCode(config?.base ?? '/') : undefined),
    writeBundle: {
      order: 'post',
      handler({ dir }, bundle) {
        if (config === undefined || dir === undefined || this.environment.config.consumer !== 'client') return;
        const files = keptFiles(dir);
        for (const { path } of files.filter(({ bytes }) => bytes > keptFileBytesMax))
          this.warn(
            `${path} is larger than ${keptFileBytesMax} bytes: without a network the page has to do without it.`,
          );
        const kept = files.filter(({ bytes }) => bytes <= keptFileBytesMax);
        const hashed = new Set(Object.keys(bundle).filter((name) => !name.endsWith('.html')));
        writeFileSync(join(dir, serviceWorkerFile), serviceWorker(kept, hashed, config));
      },
    },
  };
}

interface KeptFile {
  /** From the folder of the page, with slashes. */
  readonly path: string;
  readonly bytes: number;
  readonly hash: string;
}

/** All that the build has left for browsers, but maps and what is hidden. */
function keptFiles(folder: string): readonly KeptFile[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter(
      (file) => !/(^|[/\\])\.|\.map$/.test(relative(folder, file)) && relative(folder, file) !== serviceWorkerFile,
    )
    .map((file) => ({
      path: slashed(relative(folder, file)),
      bytes: statSync(file).size,
      hash: createHash('sha256').update(readFileSync(file)).digest('hex'),
    }))
    .sort((one, other) => (one.path < other.path ? -1 : 1));
}

/** After the page has loaded, so that keeping its files does not slow it down. */
function registrationCode(base: string): string {
  return `
    const register = () => navigator.serviceWorker
      .register(new URL(${JSON.stringify(`${base}${serviceWorkerFile}`)}, document.baseURI))
      .catch((error) => console.warn('This page will not open without a network:', error));
    if ('serviceWorker' in navigator) {
      if (document.readyState === 'complete') register();
      else addEventListener('load', register, { once: true });
    }
  `;
}

/** Plain code, since it is no part of the bundle. `files` are from the service worker's own address. */
function serviceWorker(
  kept: readonly KeptFile[],
  hashed: ReadonlySet<string>,
  { build: { assetsDir }, appType }: ResolvedConfig,
): string {
  const version = createHash('sha256')
    .update(kept.map(({ path, hash }) => `${path} ${hash}\n`).join(''))
    .digest('hex')
    .slice(0, 16);
  // A page is asked for by its folder: hosts redirect from its file, and a redirected answer can't be shown again.
  const files = kept.map(({ path }) => [path.replace(/(^|\/)index\.html$/, '$1') || './', hashed.has(path)]);
  return `// Keeps this page's files for when there is no network. Written by forerun/vite.
const files = ${JSON.stringify(files, undefined, 1)};
const prefix = 'forerun-page ' + registration.scope + ' ';
const cacheName = prefix + ${JSON.stringify(version)};
const at = (path) => new URL(path, registration.scope).href;
const kept = new Set(files.map(([path]) => at(path)));
const assets = at(${JSON.stringify(`${assetsDir}/`)});

addEventListener('install', (event) => event.waitUntil(keep()));
addEventListener('activate', (event) => event.waitUntil(takeOver()));
addEventListener('fetch', (event) => {
  const { request } = event;
  if (request.method !== 'GET') return;
  if (request.mode === 'navigate') event.respondWith(page(request));
  else if (kept.has(request.url) || request.url.startsWith(assets)) event.respondWith(file(request));
});

async function keep() {
  const cache = await caches.open(cacheName);
  // Names with a hash never change; all others are asked for anew.
  await cache.addAll(files.map(([path, hashed]) => new Request(at(path), hashed ? {} : { cache: 'reload' })));
  await skipWaiting();
}

// Tabs of the build before may still load parts of it.
async function takeOver() {
  const names = (await caches.keys()).filter((name) => name.startsWith(prefix) && name !== cacheName);
  await Promise.all(names.slice(0, -1).map((name) => caches.delete(name)));
  await clients.claim();
}

async function file(request) {
  return (await caches.match(request, { ignoreVary: true })) ?? fetch(request);
}

async function page(request) {
  const late = new Promise((resolve) => setTimeout(resolve, ${networkMsMax}));
  const fetched = fetch(request).then((answer) => (answer.status < 500 ? answer : undefined), () => undefined);
  return (await Promise.race([fetched, late])) ?? (await keptPage(request)) ?? (await fetched) ?? Response.error();
}

async function keptPage({ url }) {
  const { origin, pathname } = new URL(url);
  const cache = await caches.open(cacheName);
  const path = origin + pathname.replace(/index\\.html$/, '');
  const paths = [path, path + '/', ${appType === 'spa' ? "at('./')" : ''}];
  for (const each of paths) {
    const answer = await cache.match(each, { ignoreVary: true });
    if (answer !== undefined) return answer;
  }
}
`;
}
