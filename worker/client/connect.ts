/** `connect`: finds or starts a host for the page, and gives the client. */

import { checkModule, isProductionBuild } from '#client-checks';
import { ForerunError } from '../../core/errors.ts';
import type { ModuleExports } from '../../core/module/module.ts';
import { pageModule } from '../../core/module/page-module.ts';
import { type Client, ClientState, unknownStatus } from './client.ts';
import { findHost, type WorkerFactories } from '../tabs/find-host.ts';
import { HostLink } from '../tabs/host-link.ts';
import type { HostApi, HostEvent, HostOptions, StorageOption } from './host-api.ts';
import { type SubscriptionQuery, subscriptionSource } from './subscription-handle.ts';

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
  /** The same file as a worker that the pages of all tabs share. */
  readonly sharedWorker?: () => SharedWorker;
  /**
   * Where what the client does is kept, so that it survives a reload: in a page on the device (default; `durable` asks
   * the browser never to evict it), in Node in a folder of its own, or nowhere (`memory`, Node's default).
   */
  readonly storage?: StorageOption;
  /** Which rows to have from the start. Default: `'all'` public tables; more and others with `client.subscribe`. */
  readonly subscribe?: 'all' | readonly SubscriptionQuery[];
  /** One of `subscribe` is refused: `query-invalid`, with the place in its text. Nothing of `subscribe` comes then; `ready()` rejects with it too. */
  readonly onError?: (error: ForerunError) => void;
  /** Raise errors in development for what a reducer must not use. Default: true; production builds have no guard. */
  readonly guard?: boolean;
}

/** The factories that modules bring with them (the Vite plugin's doing), by their schema. */
const workers = new WeakMap<object, WorkerFactories>();

/** Makes `connect({ module })` start this worker; `shared` is the same file for the pages of all tabs. */
export function attachWorker(schema: object, worker: () => Worker, sharedWorker?: () => SharedWorker): void {
  workers.set(schema, { worker, sharedWorker });
}

/** Hosts of this page by the schema of their module. */
const hosts = new WeakMap<object, Set<HostApi>>();

/** Gives the hosts of this module new code, imported from `url`; pending calls run again with it. */
export async function adoptModule(schema: object, url: string): Promise<void> {
  await Promise.all([...(hosts.get(schema) ?? [])].map((host) => host.adopt(url)));
}

/**
 * Connects to a database. Returns at once; `client.ready()` waits for the rows, `client.status` tells how it stands. The
 * tabs of one origin share what they have of a database: rows, calls that wait, and the connection. Throws
 * `module-invalid`; in a production build such a module stops the client instead.
 *
 *     const client = connect({ module: game, url: 'http://localhost:3000' });
 *     const players = client.live(client.tables.player);
 */
export function connect<M extends ModuleExports>(options: ConnectOptions<M>): Client<M> {
  checkModule(options.module);
  const module = pageModule(options.module);
  const schema = options.module.default;
  const { subscribe = 'all' } = options;
  const factories: WorkerFactories =
    options.worker === undefined && options.sharedWorker === undefined
      ? (workers.get(schema) ?? {})
      : { worker: options.worker, sharedWorker: options.sharedWorker };
  const storage = options.storage ?? 'device';
  const host = new HostLink(findHost({ module: options.module, factories, storage }));
  const stopWaking = wakeOnReturn(host);
  const closed = (): void => {
    stopWaking();
    hosts.get(schema)?.delete(host);
  };
  const client = new ClientState(module, host, closed, options.onError);
  hosts.set(schema, (hosts.get(schema) ?? new Set()).add(host));
  const database = options.database ?? 'main';
  const hostOptions: Omit<HostOptions, 'replica'> = {
    url: socketUrl(options.url, database),
    storage,
    pageId: [...crypto.getRandomValues(new Uint32Array(4))].map((each) => each.toString(36)).join(''),
    token: options.token,
    guard: options.guard ?? isDevelopment(),
    subscribe: subscribe === 'all' ? subscribe : subscribe.map((query) => subscriptionSource(query, module.tables)),
  };
  if (storage === 'durable') void navigator.storage?.persist?.().catch(() => {});
  const open = (replica: string): Promise<void> => host.open({ ...hostOptions, replica }, client.receive);
  const { token = '' } = options;
  const opened =
    token === ''
      ? open(replicaName(database, options))
      : import('./person.ts').then(({ personOf }) => open(replicaName(database, options, personOf(token))));
  opened.catch((error: unknown) => client.receive([stopped(error)]));
  // The class checks nothing of the module's types; `Client<M>` is what they say.
  return client as unknown as Client<M>;
}

/** When the network is back, or the page is looked at again, nobody should wait for the end of a pause. */
function wakeOnReturn(host: HostApi): () => void {
  if (typeof document === 'undefined') return () => {};
  const back = (): void => host.wake();
  const seen = (): void => void (document.visibilityState === 'visible' && host.wake());
  window.addEventListener('online', back);
  document.addEventListener('visibilitychange', seen);
  return () => {
    window.removeEventListener('online', back);
    document.removeEventListener('visibilitychange', seen);
  };
}

/**
 * What is kept on the device is kept by database, by where that is when it is elsewhere than the page, and by person when
 * the app says who it is: who signs in as another one finds nothing of the first.
 */
function replicaName(
  database: string,
  { url, profile }: { readonly url?: string; readonly profile?: string },
  person?: string,
): string {
  const isElsewhere = typeof location !== 'undefined' && url !== undefined && new URL(url).host !== location.host;
  const parts = [database, isElsewhere ? new URL(url).host : undefined, profile, person];
  return parts.filter((part) => part !== undefined).join('@');
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
  if (isProductionBuild) return false;
  return typeof process === 'undefined' || process.env['NODE_ENV'] !== 'production';
}
