/** Names: what those in a module become in SQL and on the wire. */

import type { CaseConversionPolicy } from './schema.ts';

/** Where one word of a name ends: `last_seen`, `lastSeen`, `HTTPServer`, `player2`. As SpacetimeDB has it. */
const wordBoundary =
  /[_\-\s]+|(?<=\p{Ll})(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})|(?<=\p{L})(?=[0-9])|(?<=[0-9])(?=\p{L})/u;

export function snakeCase(name: string): string {
  const words = name.split(wordBoundary).filter((word) => word !== '');
  return words.join('_').toLowerCase();
}

/** The name in SQL or on the wire: the given one as it is, else made from the one in the module. */
export function canonicalName(given: string | undefined, inModule: string, policy: CaseConversionPolicy): string {
  if (given !== undefined) return given;
  return policy.tag === 'None' ? inModule : snakeCase(inModule);
}

/** Sorts by code unit, the same everywhere. */
export function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  if (a.name === b.name) return 0;
  return a.name < b.name ? -1 : 1;
}
