/**
 * `connect`: starts a host, in a worker where a page has one to offer and in process otherwise, and gives the client.
 */

import { proxy, releaseProxy, wrap } from 'comlink';
import { ForerunError } from '../../core/errors.ts';
import type { ModuleExports } from '../../core/module/module.ts';
import { resolveModule } from '../../core/module/module-shape.ts';
import { type Client, ClientState, unknownStatus } from './client.ts';
import type { HostApi, HostEvent, HostOptions, StorageOption } from './host-api.ts';
import { type SubscriptionQuery, subscriptionText } from './subscription-handle.ts';

export interface ConnectOptions<M extends ModuleExports> {
  /** `import * as game from './module.ts'` */
  readonly module: M;
  /** Of the authority: `http://`, `https://`, `ws://` or `wss://`. Default: where the page came from. */
  readonly url?: string;
  /** Name of the database there. Default `main`. */
  readonly database?: string;
  /** Shown to the authority instead of the one kept on this device: to be someone in particular, or in Node. */
  readonly token?: string;
  /**
   * For pages of several users on one device: what is kept there is kept for this one alone. Default: whoever opens a page
   * of this origin is the same user.
   */
  readonly profile?: string;
  /** The worker that runs the replica: a file of yours that calls `host(module)` of `forerun/worker`. */
  readonly worker?: () => Worker;
  /**
   * Where what the client does is kept, so that it survives a reload: in a page on the device (default; `durable` asks
   * the browser never to evict it), in Node in a folder of its own, or nowhere (`memory`, Node's default).
   */
  readonly storage?: StorageOption;
  /** Which rows to have from the start. Default: `'all'` public tables; more and others with `client.subscribe`. */
  readonly subscribe?: 'all' | readonly SubscriptionQuery[];
  /** Raise errors in development for what a reducer must not use. Default: true, except in production builds. */
  readonly guard?: boolean;
}

/** The factories that modules bring with them (the Vite plugin's doing), by their schema. */
const workers = new WeakMap<object, () => Worker>();

/** Makes `connect({ module })` start this worker. */
export function attachWorker(schema: object, worker: () => Worker): void {
  workers.set(schema, worker);
}

/** Hosts of this page by the schema of their module. */
const hosts = new WeakMap<object, Set<HostApi>>();

/** Gives the hosts of this module new code, imported from `url`; pending calls run again with it. */
export async function adoptModule(schema: object, url: string): Promise<void> {
  await Promise.all([...(hosts.get(schema) ?? [])].map((host) => host.adopt(url)));
}

/**
 * Connects to a database. Returns at once; `client.ready()` waits for the rows, `client.status` tells how it stands.
 * Throws `module-invalid`.
 *
 *     const client = connect({ module: game, url: 'http://localhost:3000' });
 *     const players = client.live(client.tables.player);
 */
export function connect<M extends ModuleExports>(options: ConnectOptions<M>): Client<M> {
  const definition = resolveModule(options.module);
  const factory = options.worker ?? workers.get(options.module.default);
  const { host, end } = factory === undefined ? inProcess(options.module) : inWorker(factory());
  const schema = options.module.default;
  const { subscribe = 'all' } = options;
  const client = new ClientState(definition, host, () => {
    hosts.get(schema)?.delete(host);
    end();
  });
  hosts.set(schema, (hosts.get(schema) ?? new Set()).add(host));
  const hostOptions: HostOptions = {
    url: socketUrl(options.url, options.database ?? 'main'),
    replica: [options.database ?? 'main', options.profile].filter((part) => part !== undefined).join('@'),
    storage: options.storage ?? 'device',
    pageId: '',
    token: options.token,
    guard: options.guard ?? isDevelopment(),
    subscribe: subscribe === 'all' ? subscribe : subscribe.map((query) => subscriptionText(query, definition)),
  };
  host.open(hostOptions, client.receive).catch((error: unknown) => client.receive([stopped(error)]));
  // The class checks nothing of the module's types; `Client<M>` is what they say.
  return client as unknown as Client<M>;
}

interface RunningHost {
  readonly host: HostApi;
  readonly end: () => void;
}

/** Calls made before the host is open wait for it; so they may begin at once. */
function inWorker(worker: Worker): RunningHost {
  const remote = wrap<HostApi>(worker);
  const opened = Promise.withResolvers<void>();
  const whenOpen = (act: () => Promise<unknown>): void => void opened.promise.then(act).catch(() => {});
  let isOpen = false;
  const soon = (act: () => Promise<unknown>): void => (isOpen ? void act().catch(() => {}) : whenOpen(act));
  const broken = failureOf(worker);
  return {
    host: {
      open: async (options, listener) => {
        await Promise.race([remote.open(options, proxy(listener)), broken]);
        isOpen = true;
        opened.resolve();
      },
      call: (request) => soon(() => remote.call(request)),
      watch: (request) => soon(() => remote.watch(request)),
      unwatch: (queryId) => soon(() => remote.unwatch(queryId)),
      watchRows: (tableId) => soon(() => remote.watchRows(tableId)),
      subscribe: (request) => soon(() => remote.subscribe(request)),
      unsubscribe: (subscriptionId) => soon(() => remote.unsubscribe(subscriptionId)),
      simulate: (simulation) => soon(() => remote.simulate(simulation)),
      adopt: (url) => remote.adopt(url),
      answer: (answer) => soon(() => remote.answer(answer)),
      forget: () => remote.forget(),
      // A worker that never began will not answer.
      close: () => Promise.race([remote.close(), broken.catch(() => {})]),
    },
    end: () => {
      remote[releaseProxy]();
      worker.terminate();
    },
  };
}

/** Rejects when the worker's file can't be loaded, or throws as it is. */
function failureOf(worker: Worker): Promise<never> {
  const failure = new Promise<never>((_, reject) => {
    worker.addEventListener('error', ({ message }) => {
      const reason = message === undefined || message === '' ? 'its file could not be loaded' : message;
      reject(
        new ForerunError(
          'internal',
          `The worker of this client did not start: ${reason}. Its file is a module that calls host(module) of forerun/worker.`,
        ),
      );
    });
  });
  // Once it is open, an error in it is reported by the browser, and the client goes on.
  failure.catch(() => {});
  return failure;
}

function inProcess(module: ModuleExports): RunningHost {
  // Loaded when needed, so that pages with a worker don't carry the engine twice.
  const loading = import('../in-process.ts').then(({ inProcessHost }) => inProcessHost(module).page());
  let host: HostApi | undefined;
  const waiting: ((host: HostApi) => void)[] = [];
  const soon = (act: (host: HostApi) => void): void => void (host === undefined ? waiting.push(act) : act(host));
  return {
    host: {
      open: async (options, listener) => {
        const loaded = await loading;
        await loaded.open(options, listener);
        host = loaded;
        for (const act of waiting.splice(0)) act(loaded);
      },
      call: (request) => soon((each) => each.call(request)),
      watch: (request) => soon((each) => each.watch(request)),
      unwatch: (queryId) => soon((each) => each.unwatch(queryId)),
      watchRows: (tableId) => soon((each) => each.watchRows(tableId)),
      subscribe: (request) => soon((each) => each.subscribe(request)),
      unsubscribe: (subscriptionId) => soon((each) => each.unsubscribe(subscriptionId)),
      simulate: (simulation) => soon((each) => each.simulate(simulation)),
      adopt: async (url) => (await loading).adopt(url),
      answer: (answer) => soon((each) => each.answer(answer)),
      forget: async () => (await loading).forget(),
      close: async () => (await loading).close(),
    },
    end: () => {},
  };
}

function stopped(error: unknown): HostEvent {
  const { code, message } =
    error instanceof ForerunError ? error : { code: 'internal' as const, message: String(error) };
  return { type: 'status', status: { ...unknownStatus, type: 'stopped', code, message } };
}

function socketUrl(url: string | undefined, database: string): string {
  const base = url ?? (typeof location === 'undefined' ? undefined : location.origin);
  if (base === undefined || !URL.canParse(base)) {
    throw new ForerunError(
      'args-invalid',
      `connect: pass the address of the authority, such as url: 'http://localhost:3000'${base === undefined ? '' : `; got '${base}'`}.`,
    );
  }
  const parsed = new URL(`/v1/database/${encodeURIComponent(database)}/subscribe`, base);
  parsed.protocol = parsed.protocol.replace(/^http/, 'ws');
  return parsed.href;
}

function isDevelopment(): boolean {
  // Bundlers replace this with a constant; Node has it as it is.
  return typeof process === 'undefined' || process.env['NODE_ENV'] !== 'production';
}
