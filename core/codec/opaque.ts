/**
 * The types of SpacetimeDB with classes of their own, seen as what they hold.
 *
 * Most wrap one bigint. Such a value is known by its field, not by its class, so that those of another copy of this
 * package, and those that have been through `postMessage`, count.
 */

import type { ColumnType, SumType } from '../value/column-type.ts';
import { ConnectionId } from '../value/connection-id.ts';
import { Identity } from '../value/identity.ts';
import { TimeDuration } from '../value/time-duration.ts';
import { Timestamp } from '../value/timestamp.ts';
import { Uuid } from '../value/uuid.ts';

export type WrapperName = 'identity' | 'connectionId' | 'timestamp' | 'timeDuration' | 'uuid';

export interface Wrapper {
  readonly name: WrapperName;
  /** The bigint's type, and so its encoding. */
  readonly inner: 'i64' | 'u128' | 'u256';
  readonly field: string;
  readonly class: new (value: bigint) => object;
  /** How to make one, for messages. */
  readonly hint: string;
}

export const wrappers: Readonly<Record<WrapperName, Wrapper>> = {
  identity: {
    name: 'identity',
    inner: 'u256',
    field: '__identity__',
    class: Identity,
    hint: 'use Identity.fromString(hex)',
  },
  connectionId: {
    name: 'connectionId',
    inner: 'u128',
    field: '__connection_id__',
    class: ConnectionId,
    hint: 'use ConnectionId.fromString(hex)',
  },
  timestamp: {
    name: 'timestamp',
    inner: 'i64',
    field: '__timestamp_micros_since_unix_epoch__',
    class: Timestamp,
    hint: 'use Timestamp.fromDate(date) or new Timestamp(micros)',
  },
  timeDuration: {
    name: 'timeDuration',
    inner: 'i64',
    field: '__time_duration_micros__',
    class: TimeDuration,
    hint: 'use TimeDuration.fromMillis(ms)',
  },
  uuid: {
    name: 'uuid',
    inner: 'u128',
    field: '__uuid__',
    class: Uuid,
    hint: 'use Uuid.parse(text)',
  },
};

/** A ScheduleAt is written and checked as this enum, whose values have just that form. */
export const scheduleAtType: SumType = {
  type: 'sum',
  name: 'ScheduleAt',
  variants: [
    { name: 'Interval', type: { type: 'timeDuration' } },
    { name: 'Time', type: { type: 'timestamp' } },
  ],
};

export function isWrapperName(name: ColumnType['type']): name is WrapperName {
  return Object.hasOwn(wrappers, name);
}

/** The bigint inside, or undefined when `value` is no such object. */
export function unwrap(wrapper: Wrapper, value: unknown): bigint | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const inner: unknown = Reflect.get(value, wrapper.field);
  return typeof inner === 'bigint' ? inner : undefined;
}
