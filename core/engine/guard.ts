/**
 * The determinism guard: while a reducer runs in development, what would make it differ between replicas raises an
 * error that names the replacement.
 *
 * It works by swapping globals for the length of one synchronous run, which is why this file may name them. Outside a
 * reducer they are untouched. It catches mistakes, not malice.
 */

import { ForerunError } from '../errors.ts';

type Globals = Record<string, unknown>;

interface Swap {
  readonly holder: Globals;
  readonly name: string;
  readonly replacement: unknown;
}

const home = globalThis as unknown as Globals;

/** Runs `run` with the guard up. Nested runs share the outer guard. */
export function guarded<T>(run: () => T): T {
  if (active) return run();
  swaps ??= makeSwaps();
  originals = swaps.map(({ holder, name }) => Object.getOwnPropertyDescriptor(holder, name));
  raise(swaps);
  try {
    return run();
  } finally {
    lower(swaps);
  }
}

/** Runs what is not the reducer's doing with the guard down: SQLite keeps the times of its files. */
export function unguarded<T>(run: () => T): T {
  if (!active || swaps === undefined) return run();
  lower(swaps);
  try {
    return run();
  } finally {
    raise(swaps);
  }
}

let active = false;
let swaps: Swap[] | undefined;
/** Undefined where the holder has the name from its prototype. */
let originals: (PropertyDescriptor | undefined)[] = [];

function raise(each: readonly Swap[]): void {
  for (const [i, { holder, name, replacement }] of each.entries()) {
    if (originals[i]?.writable === true) holder[name] = replacement;
    else Object.defineProperty(holder, name, { value: replacement, configurable: true, writable: true });
  }
  active = true;
}

function lower(each: readonly Swap[]): void {
  for (const [i, { holder, name }] of each.entries()) {
    const original = originals[i];
    if (original === undefined) Reflect.deleteProperty(holder, name);
    else if (original.writable === true) holder[name] = original.value;
    else Object.defineProperty(holder, name, original);
  }
  active = false;
}

function makeSwaps(): Swap[] {
  const later = 'a scheduled table (see "scheduled reducers" in the docs)';
  const candidates: Swap[] = [
    { holder: home, name: 'Date', replacement: guardedDate() },
    { holder: Math as unknown as Globals, name: 'random', replacement: forbidden('Math.random()', 'ctx.random()') },
    {
      holder: home,
      name: 'fetch',
      replacement: forbidden('fetch()', 'a call from outside that passes the answer in as an argument'),
    },
    { holder: home, name: 'setTimeout', replacement: forbidden('setTimeout()', later) },
    { holder: home, name: 'setInterval', replacement: forbidden('setInterval()', later) },
    { holder: home, name: 'setImmediate', replacement: forbidden('setImmediate()', later) },
    { holder: home, name: 'queueMicrotask', replacement: forbidden('queueMicrotask()', later) },
    { holder: home, name: 'Promise', replacement: guardedPromise() },
    {
      holder: home['performance'] as Globals,
      name: 'now',
      replacement: forbidden('performance.now()', 'ctx.timestamp'),
    },
    {
      holder: home['crypto'] as Globals,
      name: 'randomUUID',
      replacement: forbidden('crypto.randomUUID()', 'ctx.newUuidV4()'),
    },
    {
      holder: home['crypto'] as Globals,
      name: 'getRandomValues',
      replacement: forbidden('crypto.getRandomValues()', 'ctx.random.fill()'),
    },
  ];
  return candidates.filter(({ holder, name }) => holder !== undefined && name in holder && isSwappable(holder, name));
}

function isSwappable(holder: Globals, name: string): boolean {
  const own = Object.getOwnPropertyDescriptor(holder, name);
  return own === undefined ? Object.isExtensible(holder) : own.writable === true || own.configurable === true;
}

function forbidden(what: string, instead: string): () => never {
  return () => {
    throw nondeterministic(what, instead);
  };
}

/** `new Date(value)` and `Date.UTC` are arithmetic and stay; only reading the clock is refused. */
function guardedDate(): unknown {
  return new Proxy(Date, {
    construct(target, args, newTarget) {
      if (args.length === 0) throw nondeterministic('new Date()', 'ctx.timestamp.toDate()');
      return Reflect.construct(target, args, newTarget);
    },
    apply() {
      throw nondeterministic('Date()', 'ctx.timestamp.toDate()');
    },
    get(target, property) {
      if (property === 'now') return forbidden('Date.now()', 'ctx.timestamp');
      return Reflect.get(target, property);
    },
  });
}

function guardedPromise(): unknown {
  const refuse = (): never => {
    throw nondeterministic('a Promise', 'plain synchronous code: a reducer is done when it returns');
  };
  return new Proxy(Promise, {
    construct: refuse,
    get: (target, property) => {
      const value: unknown = Reflect.get(target, property);
      // Those under symbols serve `instanceof`, which makes no promise.
      return typeof property === 'string' && typeof value === 'function' ? refuse : value;
    },
  });
}

function nondeterministic(what: string, instead: string): ForerunError {
  return new ForerunError(
    'nondeterministic',
    `A reducer may not use ${what}: it would give another result on the client than on the authority. Use ${instead} instead.`,
  );
}
