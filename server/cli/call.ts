/** `forerun call`: one reducer, as the owner. */

import type { RemoteOptions } from './program.ts';
import { Remote } from './remote.ts';
import { print, styled } from './terminal.ts';

export async function call(reducer: string, args: readonly string[], options: RemoteOptions): Promise<void> {
  const remote = await Remote.find(options);
  const response = await remote.ask(`/call/${encodeURIComponent(reducer)}`, JSON.stringify(argumentsOf(args)));
  const { seq } = (await response.json()) as { seq: number | null };
  if (options.json === true) print(JSON.stringify({ seq }));
  else print(seq === null ? `${reducer}: nothing changed` : `${styled('green', '✓')} ${reducer}: commit ${seq}`);
}

/** One object stands for all of them by name; what is no JSON is text. */
function argumentsOf(args: readonly string[]): unknown {
  const values = args.map((text): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  });
  const [only] = values;
  return values.length === 1 && typeof only === 'object' && only !== null && !Array.isArray(only) ? only : values;
}
