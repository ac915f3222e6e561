/** `forerun logs`: the diagnostics of a database. */

import type { DiagnosticsLine, Level } from '../database-diagnostics.ts';
import type { RemoteOptions } from './program.ts';
import { linesOf, Remote } from './remote.ts';
import { harmless, print, styled } from './terminal.ts';

const styles = { debug: 'dim', info: 'cyan', warn: 'yellow', error: 'red' } as const;

export async function logs(options: RemoteOptions & { follow?: boolean; lines?: number }): Promise<void> {
  const remote = await Remote.find(options);
  const { follow = false, lines = 100 } = options;
  const response = await remote.ask(`/logs?num_lines=${lines}&follow=${follow}`);
  for await (const text of linesOf(response)) print(options.json === true ? text : shown(JSON.parse(text)));
}

function shown({ ts, level, reducer, message }: DiagnosticsLine): string {
  const time = new Date(ts / 1000).toTimeString().slice(0, 8);
  return [
    styled('dim', time),
    styled(styles[level satisfies Level], level.padEnd(5)),
    reducer ?? '–',
    harmless(message),
  ].join('  ');
}
