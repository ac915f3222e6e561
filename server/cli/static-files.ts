/**
 * The files of a built page. Those whose names carry a hash are kept by browsers for good, all others asked for again.
 *
 * Law: nothing outside of the folder is ever read, and nothing whose name begins with a dot.
 */

import { createReadStream, existsSync, realpathSync, statSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join, sep } from 'node:path';
import { pathOf } from '../http.ts';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.webp': 'image/webp',
  '.ico': 'image/x-icon',
  '.wasm': 'application/wasm',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
};

const hidden = /(^|\/)\./;

/** As Vite names what it has built. */
const hashed = /[/\\]assets[/\\].*-[\w-]{8,}\.\w+$/;

export class StaticFiles {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = realpathSync(folder);
  }

  /** False when there is no such file. A page's own paths, which have no dot in their last part, give its index. */
  handle(request: IncomingMessage, response: ServerResponse): boolean {
    if (request.method !== 'GET' && request.method !== 'HEAD') return false;
    const path = decoded(pathOf(request));
    if (path === undefined || hidden.test(path)) return false;
    const file = this.#find(path) ?? (extname(path) === '' ? this.#find('/') : undefined);
    if (file === undefined) return false;
    response.writeHead(200, {
      'content-type': types[extname(file)] ?? 'application/octet-stream',
      'content-length': statSync(file).size,
      'cache-control': hashed.test(file) ? 'public, max-age=31536000, immutable' : 'no-cache',
      'x-content-type-options': 'nosniff',
    });
    if (request.method === 'HEAD') response.end();
    else
      createReadStream(file)
        .on('error', () => response.destroy())
        .pipe(response);
    return true;
  }

  #find(path: string): string | undefined {
    if (path.includes('\0')) return undefined;
    const wanted = join(this.#folder, path);
    for (const candidate of [wanted, join(wanted, 'index.html')]) {
      if (!existsSync(candidate) || !statSync(candidate).isFile()) continue;
      const real = realpathSync(candidate);
      if (real.startsWith(this.#folder + sep)) return real;
    }
    return undefined;
  }
}

function decoded(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}
