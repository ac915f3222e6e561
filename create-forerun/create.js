#!/usr/bin/env node
/** `npm create forerun`: as `forerun new`, whose command line it has. */

import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

const manifest = createRequire(import.meta.url).resolve('forerun/package.json');
process.argv.splice(2, 0, 'new');
// For what it says of its own use.
process.env.FORERUN_CREATE = 'npm create forerun';
await import(pathToFileURL(join(dirname(manifest), 'dist/server/cli/main.js')).href);
