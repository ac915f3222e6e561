/** `forerun subscribe`: what comes into a query's result and what leaves it. */

import type { RemoteOptions } from './program.ts';
import { linesOf, Remote } from './remote.ts';
import { harmless, print, styled } from './terminal.ts';

type Change = { readonly insert: Record<string, unknown> } | { readonly delete: Record<string, unknown> };

export async function subscribe(query: string, options: RemoteOptions & { changes?: number }): Promise<void> {
  const remote = await Remote.find(options);
  const stop = new AbortController();
  const response = await remote.ask('/sql?follow=true', query, stop.signal);
  let left = options.changes ?? Number.POSITIVE_INFINITY;
  if (left === 0) return stop.abort();
  for await (const line of linesOf(response)) {
    print(options.json === true ? line : shown(JSON.parse(line)));
    if (--left > 0) continue;
    stop.abort();
    return;
  }
}

function shown(change: Change): string {
  const row = 'insert' in change ? change.insert : change.delete;
  const text = Object.entries(row)
    .map(
      ([name, value]) =>
        `${styled('dim', `${name}=`)}${harmless(typeof value === 'string' ? value : JSON.stringify(value))}`,
    )
    .join('  ');
  return 'insert' in change ? `${styled('green', '+')} ${text}` : `${styled('red', '-')} ${text}`;
}
