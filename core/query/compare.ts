/** The order of values of one type, the same as SQLite's order of what they are stored as. */

import type { ColumnType } from '../value/column-type.ts';
import type { ConnectionId } from '../value/connection-id.ts';
import type { Identity } from '../value/identity.ts';
import type { TimeDuration } from '../value/time-duration.ts';
import type { Timestamp } from '../value/timestamp.ts';
import type { Uuid } from '../value/uuid.ts';

/** Negative, zero or positive, of canonical values of the type; neither may be a none. */
export type Compare = (a: never, b: never) => number;

export function compareValues(type: ColumnType): Compare {
  switch (type.type) {
    case 'f32':
    case 'f64':
      return compareFloats;
    case 'string':
      return compareText;
    case 'bytes':
      return compareBytes;
    case 'identity':
      return (a: Identity, b: Identity) => order(a.__identity__, b.__identity__);
    case 'connectionId':
      return (a: ConnectionId, b: ConnectionId) => order(a.__connection_id__, b.__connection_id__);
    case 'uuid':
      return (a: Uuid, b: Uuid) => order(a.asBigInt(), b.asBigInt());
    case 'timestamp':
      return (a: Timestamp, b: Timestamp) => order(a.microsSinceUnixEpoch, b.microsSinceUnixEpoch);
    case 'timeDuration':
      return (a: TimeDuration, b: TimeDuration) => order(a.micros, b.micros);
    case 'sum':
      // Stored as JSON text, so by the tag's text.
      return (a: { tag: string }, b: { tag: string }) => compareText(a.tag, b.tag);
    default:
      return order;
  }
}

function order(a: number | bigint | boolean, b: number | bigint | boolean): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** NaN is the TEXT `NaN` in SQLite, and text comes after all numbers. */
function compareFloats(a: number, b: number): number {
  const aIsNaN = Number.isNaN(a);
  if (aIsNaN || Number.isNaN(b)) return aIsNaN ? (Number.isNaN(b) ? 0 : 1) : -1;
  return a - b === 0 || a === b ? 0 : a < b ? -1 : 1;
}

/** By code points, as UTF-8 bytes compare; JavaScript compares UTF-16, which puts surrogates before U+E000. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return isSurrogate(x) === isSurrogate(y) ? x - y : isSurrogate(x) ? 1 : -1;
  }
  return a.length - b.length;
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
