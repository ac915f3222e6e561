#!/usr/bin/env node
/** The command `forerun`. */

import { exitWith } from './failure.ts';
import { program } from './program.ts';

try {
  await program().parseAsync();
} catch (error) {
  exitWith(error, process.argv.includes('--verbose'));
}
