/** `forerun call`: one reducer, as the owner. */

import type { Schema } from './describe.ts';
import type { RemoteOptions } from './program.ts';
import { Remote } from './remote.ts';
import { print, styled } from './terminal.ts';

export async function call(reducer: string, args: readonly string[], options: RemoteOptions): Promise<void> {
  const remote = await Remote.find(options);
  const response = await remote.ask(
    `/call/${encodeURIComponent(reducer)}`,
    JSON.stringify(await argumentsOf(remote, reducer, args)),
  );
  const { seq } = (await response.json()) as { seq: number | null };
  if (options.json === true) print(JSON.stringify({ seq }));
  else print(seq === null ? `${reducer}: nothing changed` : `${styled('green', '✓')} ${reducer}: commit ${seq}`);
}

/** One object stands for all of them by name; what is no JSON, or meant for a text, is text. */
async function argumentsOf(remote: Remote, reducer: string, args: readonly string[]): Promise<unknown> {
  const values = args.map(parsed);
  const [only] = values;
  if (values.length === 1 && typeof only === 'object' && only !== null && !Array.isArray(only)) return only;
  if (values.every((value) => typeof value === 'string')) return values;
  // `7` is a number, but may be meant as a text: the module says.
  const { reducers } = (await (await remote.ask('/schema')).json()) as Schema;
  const params = reducers.find(({ name }) => name === reducer)?.params ?? [];
  return values.map((value, at) => (params[at]?.type === 'string' && typeof value !== 'string' ? args[at] : value));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
