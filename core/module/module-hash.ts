/** The module's hash: which bytes this module and another one can exchange. */

import { blake3 } from '@noble/hashes/blake3.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import type { ModuleDefinition } from './definition.ts';

/** What a definition holds that is not shape: code, values, and what a client may change by itself. */
const notShape: ReadonlySet<string> = new Set(['run', 'defaultValue', 'predict', 'whenLate', 'sendsPerSecondMax']);

/** 32 hex digits: BLAKE3 of the shapes as canonical JSON. */
export function moduleHash(definition: Omit<ModuleDefinition, 'hash'>): string {
  return bytesToHex(blake3(utf8ToBytes(canonicalJson(definition)), { dkLen: 16 }));
}

/** Equal shapes give equal text: keys are sorted, and what is not shape is left out. */
export function canonicalJson(shape: unknown): string {
  return JSON.stringify(shape, (key, value: unknown) => {
    if (notShape.has(key)) return undefined;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}
