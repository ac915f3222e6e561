/**
 * `npm run bench -- NAME [ARGS]`: runs `bench/NAME.bench.ts`, which exports `run(args)`. A benchmark prints one line of
 * JSON and measures its own floor in the same run, so that its ratio holds on any machine. It measures what people put
 * into production: without the checks of development.
 */

import { readdirSync } from 'node:fs';

interface Benchmark {
  readonly run: (args: readonly string[]) => void | Promise<void>;
}

process.env['NODE_ENV'] = 'production';

const suffix = '.bench.ts';
const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith(suffix))
  .map((file) => file.slice(0, -suffix.length))
  .sort();

const [name, ...args] = process.argv.slice(2);
if (name === undefined) console.log(`npm run bench -- NAME [ARGS]\n\n${names.map((each) => `  ${each}`).join('\n')}`);
else if (names.includes(name)) {
  // The contract of every benchmark file; a file that breaks it fails here by name.
  const benchmark = (await import(`./${name}${suffix}`)) as Benchmark;
  await benchmark.run(args);
} else {
  console.error(`No benchmark is called ${name}. There are: ${names.join(', ')}.`);
  process.exitCode = 2;
}
