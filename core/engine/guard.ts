/**
 * The determinism guard: while a reducer runs in development, what would make it differ between replicas raises an
 * error that names the replacement.
 *
 * It works by swapping globals for the length of one synchronous run, which is why this file may name them. Outside a
 * reducer they are untouched. It catches mistakes, not malice: what a reducer reaches by other ways than these names, such
 * as an `import()`, `Intl` or the platform's own modules, it doesn't see.
 */

import { ForerunError } from '../errors.ts';

type Globals = Record<string, unknown>;

interface Swap {
  readonly holder: Globals;
  readonly name: string;
  readonly replacement: unknown;
}

/** A swap with what it has taken away. */
interface Taken extends Swap {
  /** Of its holder's own, and written like any other: as nearly all are, which is much cheaper than to define it. */
  readonly isPlain: boolean;
  value: unknown;
  /** Undefined where the holder has the name from its prototype. */
  descriptor: PropertyDescriptor | undefined;
}

/** Whoever holds names, to swap them. */
const holderOf = (holder: object): Globals => holder as Globals;

const home = holderOf(globalThis);

/** Runs `run` with the guard up. Nested runs share the outer guard. */
export function guarded<T>(run: () => T): T {
  if (active) return run();
  swaps ??= makeSwaps();
  take(swaps);
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
let swaps: Taken[] | undefined;

/** Each time anew: others may have put something in a global's place since. */
function take(each: readonly Taken[]): void {
  for (const swap of each) {
    if (swap.isPlain) swap.value = swap.holder[swap.name];
    else swap.descriptor = Object.getOwnPropertyDescriptor(swap.holder, swap.name);
  }
}

function raise(each: readonly Taken[]): void {
  for (const { holder, name, replacement, isPlain } of each) {
    if (isPlain) holder[name] = replacement;
    else Object.defineProperty(holder, name, { value: replacement, configurable: true, writable: true });
  }
  active = true;
}

function lower(each: readonly Taken[]): void {
  for (const { holder, name, isPlain, value, descriptor } of each) {
    if (isPlain) holder[name] = value;
    else if (descriptor === undefined) Reflect.deleteProperty(holder, name);
    else Object.defineProperty(holder, name, descriptor);
  }
  active = false;
}

function makeSwaps(): Taken[] {
  const later = 'a scheduled table (see "scheduled reducers" in the docs)';
  const candidates: Swap[] = [
    { holder: home, name: 'Date', replacement: guardedDate() },
    { holder: holderOf(Math), name: 'random', replacement: forbidden('Math.random()', 'ctx.random()') },
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
    ...['MessageChannel', 'WebSocket', 'XMLHttpRequest', 'EventSource', 'Worker'].map((name) => ({
      holder: home,
      name,
      replacement: forbidden(`new ${name}()`, 'a call from outside that passes what it needs as an argument'),
    })),
    {
      holder: home['AbortSignal'] as Globals,
      name: 'timeout',
      replacement: forbidden('AbortSignal.timeout()', later),
    },
    {
      holder: home['process'] as Globals,
      name: 'hrtime',
      replacement: Object.assign(forbidden('process.hrtime()', 'ctx.timestamp'), {
        bigint: forbidden('process.hrtime.bigint()', 'ctx.timestamp'),
      }),
    },
    ...localTime.map((name) => ({
      holder: holderOf(Date.prototype),
      name,
      replacement: forbidden(`${name}() of a Date, which reads the machine's time zone`, utcOf(name)),
    })),
    {
      holder: holderOf(String.prototype),
      name: 'localeCompare',
      replacement: forbidden("localeCompare(), which reads the machine's language", 'a < b'),
    },
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
  return candidates
    .filter(({ holder, name }) => holder !== undefined && name in holder && isSwappable(holder, name))
    .map((swap) => {
      const isPlain = Object.getOwnPropertyDescriptor(swap.holder, swap.name)?.writable === true;
      return { ...swap, isPlain, value: undefined, descriptor: undefined };
    });
}

function isSwappable(holder: Globals, name: string): boolean {
  const own = Object.getOwnPropertyDescriptor(holder, name);
  return own === undefined ? Object.isExtensible(holder) : own.writable === true || own.configurable === true;
}

/** A function that may stand where a class does. */
function forbidden(what: string, instead: string): () => never {
  return function refuse(): never {
    throw nondeterministic(what, instead);
  };
}

/** Of a `Date`: what gives other values in another time zone. */
const localTime = [
  ...['getFullYear', 'getMonth', 'getDate', 'getDay', 'getHours', 'getMinutes', 'getTimezoneOffset'],
  ...['setFullYear', 'setMonth', 'setDate', 'setHours', 'setMinutes'],
  ...['toString', 'toDateString', 'toTimeString', 'toLocaleString', 'toLocaleDateString', 'toLocaleTimeString'],
];

function utcOf(name: string): string {
  if (name === 'getTimezoneOffset') return 'UTC';
  return name.startsWith('to') ? 'toISOString()' : `${name.slice(0, 3)}UTC${name.slice(3)}()`;
}

/** `new Date(value)` and `Date.UTC` are arithmetic and stay; reading the clock or the time zone is refused. */
function guardedDate(): unknown {
  return new Proxy(Date, {
    construct(target, args, newTarget) {
      if (args.length === 0) throw nondeterministic('new Date()', 'ctx.timestamp.toDate()');
      if (args.length > 1)
        throw nondeterministic(
          "new Date(year, month, …), which reads the machine's time zone",
          'new Date(Date.UTC(…))',
        );
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
