/**
 * A value as ours again, after it has been through `postMessage` or through the hands of an app: a copy by its type, in
 * which the value classes are those of this package.
 *
 * Law: of a canonical value, cloned or not, it gives an equal one that shares nothing which can be changed. It checks
 * nothing: whoever runs the call does, with `canonical.ts`.
 */

import type { ColumnType, Field } from '../value/column-type.ts';
import { isWrapperName, scheduleAtType, unwrap, wrappers } from './opaque.ts';

const asOfOthers = { writable: true, enumerable: true, configurable: true };

export type OwnValue = (value: unknown) => unknown;

/** Undefined when values of this type can't be changed and come through as they are. */
export function ownValue(type: ColumnType): OwnValue | undefined {
  switch (type.type) {
    case 'array': {
      const own = ownValue(type.element);
      return (value) => Array.from(value as readonly unknown[], own ?? asItIs);
    }
    case 'option': {
      const own = ownValue(type.value);
      return own && ((value) => (value === undefined || value === null ? undefined : own(value)));
    }
    case 'result': {
      const [ok, err] = [ownValue(type.ok) ?? asItIs, ownValue(type.err) ?? asItIs];
      return (value) => {
        const result = value as { readonly ok: unknown } | { readonly err: unknown };
        return 'ok' in result ? { ok: ok(result.ok) } : { err: err(result.err) };
      };
    }
    case 'product': {
      const parts = ownParts(type.fields);
      return (value) => {
        const copy: Record<string, unknown> = {};
        for (const [name, own] of parts) {
          const part: unknown = Reflect.get(value as object, name);
          const ours = own === undefined ? part : own(part);
          // A field may be called __proto__.
          if (name === '__proto__') Object.defineProperty(copy, name, { value: ours, ...asOfOthers });
          else copy[name] = ours;
        }
        return copy;
      };
    }
    case 'sum': {
      const withValues = new Map(ownParts(type.variants.filter((variant) => variant.type.type !== 'unit')));
      return (value) => {
        const { tag, value: inner } = value as { readonly tag: string; readonly value?: unknown };
        return withValues.has(tag) ? { tag, value: (withValues.get(tag) ?? asItIs)(inner) } : { tag };
      };
    }
    case 'scheduleAt':
      return ownValue(scheduleAtType);
    case 'bytes':
      return (value) => new Uint8Array(value as Uint8Array);
    case 'unit':
      return () => ({});
    default:
      return isWrapperName(type.type) ? ownWrapper(type.type) : undefined;
  }
}

/** Each name with how its values are made ours. */
export function ownParts(parts: readonly Field[]): [name: string, own: OwnValue | undefined][] {
  return parts.map(({ name, type }) => [name, ownValue(type)]);
}

function ownWrapper(name: keyof typeof wrappers): OwnValue {
  const wrapper = wrappers[name];
  return (value) => (value instanceof wrapper.class ? value : new wrapper.class(unwrap(wrapper, value) as bigint));
}

function asItIs(value: unknown): unknown {
  return value;
}
