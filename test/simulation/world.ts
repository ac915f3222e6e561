/**
 * One simulated world: an authority on a disk that may fail, clients on a network that does, and calls all the time. It
 * is made from one seed, lives for some seconds, is then left in peace, and must come to rest in a state in which
 * everyone agrees.
 */

import { readBatch } from '../../core/authority/record-reader.ts';
import { ByteReader } from '../../core/codec/bytes.ts';
import type { ClientId } from '../../core/commit/call.ts';
import { loadSqlite } from '../../core/engine/database.ts';
import { Engine } from '../../core/engine/engine.ts';
import { limits } from '../../core/limits.ts';
import { decodeClientMessage } from '../../core/protocol/frame.ts';
import { SimulatedStorage, type StoragePoint } from '../contract/simulated-storage.ts';
import { checkAuthority, checkCalls, checkCries, checkLog, checkReplica, checkSame } from './checkers.ts';
import { type CrashPoint, Disk } from './disk.ts';
import { expectThat, SimulationFailure, shown } from './failure.ts';
import { Home } from './home.ts';
import { shapeOf } from './mirror.ts';
import { Network } from './network.ts';
import { Random } from './random.ts';
import { SimClient } from './sim-client.ts';
import { Actor, Timeline } from './timeline.ts';
import { definition } from './town.ts';
import { Wiretap } from './wiretap.ts';
import { Workload } from './workload.ts';

/** What happened, to show that runs are not idle. */
export interface WorldStats {
  calls: number;
  rejected: number;
  rolledBack: number;
  replayed: number;
  diverged: number;
  asPredicted: number;
  snapshots: number;
  resumes: number;
  connectionsLost: number;
  crashes: number;
  diskFailures: number;
  reloads: number;
  /** Clients that crashed and came back from their device, and calls that these had kept for them. */
  clientCrashes: number;
  keptCalls: number;
  /** Tables of clients whose hash was compared with the authority's. */
  checked: number;
  events: number;
}

export interface WorldReport {
  readonly hash: string;
  readonly stats: WorldStats;
}

/** Moments at which a client that is kept on a device may crash. */
type ClientPoint = StoragePoint | 'when a frame is sent';

const restMsMax = 60_000;

/** Runs the world of this seed. Throws `SimulationFailure`, or whatever the system itself threw. */
export async function simulate(seed: number): Promise<WorldReport> {
  // The one thing that takes real time.
  await loadSqlite();
  const world = new World(seed);
  try {
    return await world.run();
  } catch (error) {
    const kind = error instanceof SimulationFailure ? '' : `${error instanceof Error ? error.stack : String(error)}\n`;
    const message = error instanceof Error ? error.message : String(error);
    throw new SimulationFailure(`seed ${seed}: ${message}\n${kind}${world.story}`, { cause: error });
  } finally {
    await world.close();
  }
}

class World {
  readonly #random: Random;
  readonly #timeline = new Timeline();
  readonly #disk: Disk;
  readonly #network: Network;
  readonly #home: Home;
  readonly #wiretap: Wiretap;
  readonly #workload: Workload;
  readonly #clients: SimClient[] = [];
  /** As their frames say. */
  readonly #clientIds = new Map<string, ClientId>();
  readonly #guard: boolean;
  readonly #busyMs: number;
  readonly #lifeMs: number;
  readonly #fail = (error: unknown): void => {
    this.#error ??= error;
  };
  /** Of whoever runs worlds; a promise that fails unheard is this world's failure, and nobody else's. */
  readonly #heardBefore = process.listeners('unhandledRejection');
  readonly #limits = { ...limits };
  #crashAt: { readonly point: CrashPoint; left: number } | undefined;
  #clientCrashAt: { readonly point: ClientPoint; left: number } | undefined;
  /** Of devices whose client has crashed and will be started again. */
  #startsToCome = 0;
  #clientCrashes = 0;
  #isPeaceful = false;
  #error: unknown;
  #clientCount = 0;
  #connectionsLost = 0;
  #reloads = 0;

  constructor(seed: number) {
    const random = new Random(`seed ${seed}`);
    this.#random = random;
    this.#busyMs = random.pick([0, 0.2, 4]);
    this.#guard = random.chance(0.2);
    this.#lifeMs = random.between(1_000, 3_000);
    const slow = random.pick([1, 5, 12]);
    this.#disk = new Disk(this.#timeline, random.fork('disk'), { writeMs: 0.5 * slow, answerMs: 0.2 * slow });
    this.#disk.onPoint = (point) => this.#reached(point);
    this.#wiretap = new Wiretap(this.#disk);
    this.#network = new Network(
      this.#timeline,
      random.fork('network'),
      {
        latencyMs: random.pick([0.1, 5, 40]),
        jitterMs: random.pick([0.05, 2, 25]),
        quantumMs: random.pick([0, 0, 2, 10]),
      },
      { sent: (client, from, frame) => this.#hear(client, from, frame), closed: () => this.#connectionsLost++ },
    );
    this.#workload = new Workload(random.fork('workload'));
    this.#home = new Home({
      timeline: this.#timeline,
      random: random.fork('home'),
      disk: this.#disk,
      network: this.#network,
      guard: this.#guard,
      checkpoints: random.chance(0.4),
      newActor: () => this.#newActor('authority'),
      fail: this.#fail,
    });
    // Small, so that chunks and forgotten batches are met in worlds of a few rows.
    setLimits({
      snapshotChunkRows: random.pick([1, 2, 5, 1_000]),
      recentBytesMax: random.pick([400, 1_000_000, 1_000_000]),
      stateCheckMs: random.pick([40, 150]),
      // 0: a client pauses after each step of a reconciliation, and its app calls in between.
      reconcileSliceMs: random.pick([0, 8]),
    });
    process.removeAllListeners('unhandledRejection');
    process.on('unhandledRejection', this.#fail);
  }

  async run(): Promise<WorldReport> {
    this.#home.start();
    for (let left = this.#random.integer(2, 4); left > 0; left--)
      this.#timeline.at(this.#random.between(0, 300), () => this.#addClient(undefined, this.#newDevice()));
    this.#planTrouble();
    await this.#advance(this.#lifeMs);
    await this.#rest();
    await this.#check();
    return { hash: this.#timeline.hash, stats: this.#stats() };
  }

  get story(): string {
    return this.#timeline.lines.slice(-60).join('\n');
  }

  async close(): Promise<void> {
    for (const client of this.#clients) if (client.actor.isAlive || client.device !== undefined) await client.close();
    this.#home.close();
    setLimits(this.#limits);
    process.removeAllListeners('unhandledRejection');
    for (const listener of this.#heardBefore) process.on('unhandledRejection', listener);
  }

  async #advance(untilMs: number, isDone?: () => boolean): Promise<boolean> {
    const done = await this.#timeline.advance(untilMs, () => this.#error !== undefined || isDone?.() === true);
    if (this.#error !== undefined) throw this.#error;
    return done;
  }

  #newActor(name: string): Actor {
    const random = this.#random.fork(`${name} ${this.#timeline.nowMs}`);
    return new Actor({
      timeline: this.#timeline,
      random,
      skewMs: random.pick([0, 0, random.between(-200, 200), random.between(-20_000, 20_000)]),
      drift: random.between(-0.0001, 0.0001),
      busyMs: this.#busyMs,
    });
  }

  /** Half of the clients have one. Its writes take time, some more than the network. */
  #newDevice(): SimulatedStorage | undefined {
    const random = this.#random.fork(`device ${this.#clientCount}`);
    if (random.chance(0.5)) return undefined;
    const writeMs = random.pick([0, 1, 20]);
    return new SimulatedStorage((write) => this.#timeline.after(writeMs * random.between(0.5, 1.5), write));
  }

  #addClient(token: string | undefined, device: SimulatedStorage | undefined): void {
    if (this.#isPeaceful && this.#clients.length > 0 && device === undefined) return;
    const name = `client ${++this.#clientCount}`;
    const actor = this.#newActor(name);
    const client = new SimClient({
      name,
      actor,
      token,
      guard: this.#guard,
      device,
      connect: (events) => this.#network.connect(name, () => actor.isAlive, events),
      trace: (line) => this.#timeline.trace(line),
    });
    this.#clients.push(client);
    if (device !== undefined) device.onPoint = (point) => this.#reachedByClient(client, point);
    client.open().catch(this.#fail);
    const random = this.#random.fork(`${name} acts`);
    const pauseMs = random.pick([40, 120, 300]);
    const act = (): void => {
      if (this.#isPeaceful || !actor.isAlive) return;
      if (client.isOpen) client.act(this.#workload, random.pick([1, 1, 2, 3, 8]));
      this.#timeline.after(random.exponential(pauseMs), act);
    };
    this.#timeline.after(random.exponential(pauseMs), act);
  }

  #planTrouble(): void {
    const random = this.#random.fork('trouble');
    const often = (meanMs: number, probability: number, trouble: () => void): void => {
      if (!random.chance(probability)) return;
      const next = (): void => {
        this.#timeline.after(random.exponential(meanMs), () => {
          if (this.#isPeaceful) return;
          trouble();
          next();
        });
      };
      next();
    };
    const someone = (): SimClient | undefined => random.pick(this.#clients.filter(({ actor }) => actor.isAlive));
    often(600, 0.7, () => {
      const client = someone();
      if (client !== undefined) this.#network.cut(client.name, random.pick([0, 0, random.exponential(500)]));
    });
    often(900, 0.6, () => {
      const point = random.pick(['before append', 'after append', 'after answer'] as const);
      this.#crashAt = { point, left: random.integer(1, 12) };
    });
    often(500, 0.6, () => {
      const point = random.pick(['before a device write', 'after a device write', 'when a frame is sent'] as const);
      this.#clientCrashAt = { point, left: random.integer(1, 6) };
    });
    often(1_500, 0.3, () => this.#home.crash('some', random.exponential(300)));
    often(1_000, 0.3, () => {
      this.#disk.isFull = true;
      this.#timeline.after(random.exponential(700), () => {
        this.#disk.isFull = false;
      });
    });
    often(1_200, 0.3, () => this.#reload(someone(), random.chance(0.7)));
    often(700, 0.3, () => someone()?.simulate({ latencyMs: random.pick([0, 0, 30, 200]) }));
    often(900, 0.3, () => {
      const client = someone();
      client?.simulate({ offline: true });
      this.#timeline.after(random.exponential(300), () => client?.simulate({ offline: false }));
    });
    often(900, 0.15, () => someone()?.simulate({ prediction: random.chance(0.5) }));
  }

  #reload(client: SimClient | undefined, asSame: boolean): void {
    if (client?.isOpen !== true) return;
    if (client.device !== undefined) return this.#crashClient(client, client.device);
    this.#reloads++;
    this.#timeline.trace(`${client.name} reloads`);
    const { identity } = client.state.status;
    void client.close();
    this.#network.cut(client.name, 0);
    this.#addClient(asSame ? identity : undefined, undefined);
  }

  #reachedByClient(client: SimClient, point: ClientPoint): void {
    if (this.#clientCrashAt?.point !== point || this.#isPeaceful || !client.isOpen || client.device === undefined)
      return;
    if (--this.#clientCrashAt.left > 0) return;
    this.#clientCrashAt = undefined;
    this.#crashClient(client, client.device);
  }

  /** It is started again on the same device, as someone opens the page again. */
  #crashClient(client: SimClient, device: SimulatedStorage): void {
    this.#clientCrashes++;
    this.#startsToCome++;
    this.#timeline.trace(`${client.name} crashes`);
    client.crash();
    // Of a frame that is just being sent some may still arrive.
    this.#timeline.after(0, () => this.#network.cut(client.name, 0));
    this.#timeline.after(this.#random.exponential(200), () => {
      this.#startsToCome--;
      this.#addClient(undefined, device);
    });
  }

  #reached(point: CrashPoint): void {
    if (this.#crashAt?.point !== point || --this.#crashAt.left > 0 || this.#isPeaceful) return;
    this.#crashAt = undefined;
    this.#home.crash(this.#random.pick(['none', 'some', 'all']), this.#random.exponential(200));
  }

  #hear(client: string, from: 'client' | 'authority', frame: Uint8Array): void {
    if (from === 'authority') {
      try {
        this.#wiretap.hear(client, frame);
      } catch (error) {
        this.#fail(error);
      }
      return;
    }
    const reader = new ByteReader(frame);
    while (reader.remaining > 0) {
      const message = decodeClientMessage(reader);
      if (message.type === 'hello') this.#clientIds.set(client, message.clientId);
    }
    const sender = this.#clients.find(({ name }) => name === client);
    if (sender !== undefined) this.#reachedByClient(sender, 'when a frame is sent');
  }

  /** No more trouble and no more calls, until everything is answered. */
  async #rest(): Promise<void> {
    this.#isPeaceful = true;
    this.#disk.isFull = false;
    this.#network.heal();
    await this.#advance(this.#timeline.nowMs + restMsMax, () => this.#startsToCome === 0);
    const living = this.#clients.filter(({ actor }) => actor.isAlive);
    for (const client of living) client.simulate({ offline: false, latencyMs: 0, prediction: true });
    const isAtRest = (): boolean =>
      this.#home.authority?.failure === undefined &&
      living.every((client) => client.isSettled && this.#network.isSound(client.name)) &&
      this.#home.sessionCount === living.length;
    const sinceMs = this.#timeline.nowMs;
    const rested = await this.#advance(sinceMs + restMsMax, isAtRest);
    const states = (): string => living.map(({ name, state }) => `${name} ${shown(state.status)}`).join('\n');
    expectThat(rested, () => `no rest after ${restMsMax} ms; ${this.#home.sessionCount} sessions\n${states()}`);
    // The last batches, and what live queries put off to the next frame.
    await this.#advance(this.#timeline.nowMs + 1_000);
  }

  async #check(): Promise<void> {
    const { authority } = this.#home;
    if (authority === undefined) throw new SimulationFailure('there is no authority');
    const log = checkLog(this.#disk.batches);
    expectThat(
      log.lastSeq === authority.durableSeq,
      () => `the authority is at ${authority.durableSeq}, the log at ${log.lastSeq}`,
    );
    for (const client of this.#clients) checkCalls(client, this.#clientIds.get(client.name), log);
    const living = this.#clients.filter(({ actor }) => actor.isAlive);
    checkAuthority(authority.engine, this.#clients, living.length);
    for (const client of living) {
      checkReplica(client, authority.engine);
      checkCries(client, this.#clients);
      const { differences } = client.state.counters;
      expectThat(differences === 0, () => `${client.name} was ${differences} times told of other rows than it had`);
    }
    await this.#checkLogGivesRows(authority.engine);
  }

  /** The log alone gives the rows that the authority holds. */
  async #checkLogGivesRows(held: Engine): Promise<void> {
    const engine = await Engine.open({ definition, ids: { next: () => 0n } });
    try {
      for (const batch of this.#disk.batches)
        for (const record of readBatch(batch, shapeOf)) if (record.type === 'commit') engine.apply(record.changes);
      checkSame(held, engine, 'the rows of the authority and those of its log');
    } finally {
      engine.close();
    }
  }

  #stats(): WorldStats {
    const living = this.#clients.filter(({ actor }) => actor.isAlive);
    const sum = (of: (client: SimClient) => number): number => living.reduce((total, client) => total + of(client), 0);
    return {
      calls: this.#clients.reduce((total, { calls }) => total + calls.length, 0),
      rejected: this.#clients.flatMap(({ calls }) => calls).filter(({ result }) => result === 'rejected').length,
      rolledBack: sum(({ state }) => state.counters.rolledBack),
      replayed: sum(({ state }) => state.counters.replayed),
      diverged: sum(({ state }) => state.counters.diverged),
      asPredicted: sum(({ state }) => state.counters.confirmed),
      snapshots: this.#wiretap.snapshots,
      resumes: this.#wiretap.resumes,
      connectionsLost: this.#connectionsLost,
      crashes: this.#home.crashes,
      diskFailures: this.#disk.failures,
      reloads: this.#reloads,
      clientCrashes: this.#clientCrashes,
      keptCalls: this.#clients.flatMap(({ calls }) => calls).filter(({ result }) => result === 'kept').length,
      checked: sum(({ state }) => state.counters.checked),
      events: this.#timeline.events,
    };
  }
}

/** `limits` is constant to everyone else. */
function setLimits(values: Partial<Record<keyof typeof limits, number>>): void {
  Object.assign(limits, values);
}
