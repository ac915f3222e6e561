/**
 * `npm run bench -- pending [CALLS]`: a client that was away for an hour comes back with 10,000 calls that wait, each of
 * which reads what others have changed meanwhile and go on changing. How long its longest task is until all are answered: when it is
 * sent the commits it missed, and when it is sent a snapshot. The floor is a task in which the same calls run once.
 */

import { defineModule, schema, table, t } from 'forerun';
import { Authority } from '../core/authority/authority.ts';
import type { Epoch } from '../core/commit/call.ts';
import { MemoryLog } from '../core/commit/log.ts';
import type { Environment } from '../core/environment.ts';
import { limits } from '../core/limits.ts';
import { memoryTransport, type Transport, type TransportEvents } from '../core/protocol/transport.ts';
import { SessionHub } from '../core/session/hub.ts';
import { Identity } from '../core/value/identity.ts';
import { nodeEnvironment } from '../server/environment.ts';
import { ClientState } from '../worker/client/client.ts';
import { Host } from '../worker/host.ts';
import { provideAllCode } from '../worker/all-code.ts';

provideAllCode();

const rowCount = 20_000;
const missedCommits = 2_000;
const streamEveryMs = 5;

const item = table(
  { name: 'item', public: true, indexes: [{ accessor: 'byRoom', algorithm: 'btree', columns: ['room'] }] },
  { id: t.u32().primaryKey(), room: t.u32(), value: t.i64() },
);
const shop = schema({ item });
const fill = shop.reducer({ from: t.u32(), to: t.u32() }, (ctx, { from, to }) => {
  for (let id = from; id < to; id++) ctx.db.item.insert({ id, room: id % 2_000, value: 0n });
});
/** Does something else whenever item 0 or an item of its room is another. */
const visit = shop.reducer({ id: t.u32() }, (ctx, { id }) => {
  let sum = ctx.db.item.id.find(0)?.value ?? 0n;
  for (const each of ctx.db.item.byRoom.filter(id % 2_000)) sum += each.value % 7n;
  const own = ctx.db.item.id.find(id);
  if (own !== null) ctx.db.item.id.update({ ...own, value: sum + 1n });
});
const set = shop.reducer({ id: t.u32(), value: t.i64() }, (ctx, { id, value }) => {
  const own = ctx.db.item.id.find(id);
  if (own !== null) ctx.db.item.id.update({ ...own, value });
});
const definition = defineModule({ default: shop, fill, visit, set });

/** The tasks of one thread, each with the microtasks that it leaves behind, and how long the longest was. */
class Tasks {
  longestMs = 0;
  count = 0;
  readonly environment: Environment = {
    ...nodeEnvironment(),
    scheduler: {
      soon: (task) => {
        if (this.#isRunning) this.#soon.push(task);
        else setImmediate(() => this.run(task));
      },
      after: (delayMs, task) => {
        const timer = setTimeout(() => this.run(task), delayMs);
        return () => clearTimeout(timer);
      },
    },
  };
  #soon: (() => void)[] = [];
  #isRunning = false;

  run(task: () => void): void {
    const startMs = performance.now();
    this.#isRunning = true;
    task();
    for (let next = this.#soon.shift(); next !== undefined; next = this.#soon.shift()) next();
    this.#isRunning = false;
    this.longestMs = Math.max(this.longestMs, performance.now() - startMs);
    this.count++;
  }

  later(task: () => void): void {
    setImmediate(() => this.run(task));
  }
}

class Away {
  readonly tasks = new Tasks();
  readonly client: ClientState;
  readonly #hub: SessionHub;
  #near: Transport | undefined;
  isReachable = true;

  constructor(hub: SessionHub) {
    this.#hub = hub;
    const host = new Host({
      definition,
      environment: this.tasks.environment,
      openStore: async () => undefined,
      connect: (_url, events) => this.#connect(events),
    }).page();
    this.client = new ClientState(definition, host, () => {});
    const options = {
      url: '',
      replica: 'main',
      storage: 'memory',
      pageId: '',
      token: undefined,
      guard: false,
    } as const;
    void host.open({ ...options, subscribe: 'all' }, this.client.receive);
  }

  cut(): void {
    this.#near?.close();
  }

  #connect(events: TransportEvents & { readonly opened: () => void }): Transport {
    if (!this.isReachable) {
      this.tasks.later(() => events.closed());
      return { send: () => {}, close: () => {}, bufferedBytes: () => 0 };
    }
    const near: TransportEvents = {
      receive: (frame) => this.tasks.later(() => events.receive(frame)),
      closed: () => this.tasks.later(() => events.closed()),
    };
    this.#hub.accept((far) => {
      const pair = memoryTransport(nodeEnvironment().scheduler, near, far);
      this.#near = pair.near;
      return pair.far;
    });
    this.tasks.later(() => events.opened());
    return this.#near as Transport;
  }
}

interface Return {
  readonly longestMs: number;
  readonly ms: number;
  readonly replayed: number;
  readonly tasks: number;
}

export async function run([calls = '10000']: readonly string[]): Promise<void> {
  const count = Number(calls);
  const { resumeBytesMax, recentBytesMax } = limits;
  const resumed = await comesBack(count);
  // As if the log no longer reached back so far.
  Object.assign(limits, { resumeBytesMax: 0, recentBytesMax: 0 });
  const anew = await comesBack(count);
  Object.assign(limits, { resumeBytesMax, recentBytesMax });
  console.log(
    JSON.stringify({
      bench: 'pending',
      calls: count,
      longest_task_ms: fixed(Math.max(resumed.longestMs, anew.longestMs)),
      resumed_task_ms: fixed(resumed.longestMs),
      snapshot_task_ms: fixed(anew.longestMs),
      resumed_ms: fixed(resumed.ms),
      snapshot_ms: fixed(anew.ms),
      replayed: resumed.replayed + anew.replayed,
      tasks: resumed.tasks + anew.tasks,
      all_calls_ms: fixed(resumed.callsMs),
    }),
  );
}

async function comesBack(count: number): Promise<Return & { readonly callsMs: number }> {
  const environment = nodeEnvironment();
  const authority = await Authority.open({
    definition,
    log: new MemoryLog(),
    environment,
    epoch: '0123456789abcdef' as Epoch,
    databaseIdentity: Identity.zero(),
    secret: 'ab'.repeat(16),
  });
  let people = 0n;
  const hub = new SessionHub({
    authority,
    environment,
    limits: { callsPerSecondMax: Number.POSITIVE_INFINITY, unansweredCallsMax: Number.POSITIVE_INFINITY },
    authenticate: async (token) => {
      const identity = new Identity(token === '' ? ++people : token);
      return { identity, token: token === '' ? identity.toHexString() : '' };
    },
  });
  const other = new Away(hub);
  await other.client.ready();
  for (let from = 0; from < rowCount; from += 2_000) await other.client.reducers['fill']?.({ from, to: from + 2_000 });
  const away = new Away(hub);
  await away.client.ready();
  away.isReachable = false;
  away.cut();
  await until(() => away.client.status.type === 'offline');
  const startMs = performance.now();
  away.tasks.run(() => {
    for (let i = 1; i <= count; i++) away.client.reducers['visit']?.({ id: i });
  });
  const callsMs = performance.now() - startMs;
  const change = (i: number): unknown =>
    other.client.reducers['set']?.({ id: i % 10 === 0 ? 0 : i % rowCount, value: BigInt(i) });
  for (let i = 0; i < missedCommits; i++) change(i);
  await until(() => other.client.status.pending === 0);

  away.tasks.longestMs = 0;
  away.tasks.count = 0;
  away.isReachable = true;
  const backMs = performance.now();
  let turn = 0;
  const stream = setInterval(() => change(turn++), streamEveryMs);
  away.tasks.run(() => away.client.simulate({ offline: true }));
  away.tasks.run(() => away.client.simulate({ offline: false }));
  await until(() => away.client.status.type === 'live' && away.client.status.pending === 0);
  clearInterval(stream);
  const ms = performance.now() - backMs;
  const { replayed } = away.client.counters;
  const { longestMs, count: tasks } = away.tasks;
  await Promise.all([away.client.close(), other.client.close()]);
  hub.close();
  authority.engine.close();
  return { longestMs, ms, replayed, tasks, callsMs };
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
}

function fixed(value: number): number {
  return Number(value.toFixed(1));
}
