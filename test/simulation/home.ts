/** The machine of a simulated authority: starts it on the disk, kills it, starts it again, as a process manager would. */

import { Authority } from '../../core/authority/authority.ts';
import type { Checkpoint } from '../../core/authority/checkpoint.ts';
import type { Epoch } from '../../core/commit/call.ts';
import { storedColumns, quote } from '../../core/engine/ddl.ts';
import type { SqlValue } from '../../core/engine/sql-value.ts';
import { ForerunError } from '../../core/errors.ts';
import { SessionHub } from '../../core/session/hub.ts';
import { Identity } from '../../core/value/identity.ts';
import type { Disk } from './disk.ts';
import type { Listener, Network } from './network.ts';
import type { Random } from './random.ts';
import type { Actor, Timeline } from './timeline.ts';
import { definition } from './town.ts';

export interface HomeOptions {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly disk: Disk;
  readonly network: Network;
  readonly guard: boolean;
  /** Takes checkpoints, so that it need not read the log from the beginning. */
  readonly checkpoints: boolean;
  readonly newActor: () => Actor;
  /** Something went wrong that no authority may do. */
  readonly fail: (error: unknown) => void;
}

const restartMs = 200;
const identityOf = (token: string): Identity => new Identity(BigInt(`0x${token}`));

export class Home {
  readonly #options: HomeOptions;
  #actor: Actor | undefined;
  #authority: Authority | undefined;
  #hub: SessionHub | undefined;
  #checkpoint: Checkpoint | undefined;
  #lastToken = 1_000n;
  starts = 0;
  crashes = 0;

  constructor(options: HomeOptions) {
    this.#options = options;
  }

  get authority(): Authority | undefined {
    return this.#authority;
  }

  get sessionCount(): number {
    return this.#hub?.sessionCount ?? 0;
  }

  /** Starts it, again and again until it runs. */
  start(): void {
    const actor = this.#options.newActor();
    this.#actor = actor;
    this.#options.timeline.trace('the authority starts');
    this.#open(actor).catch((error: unknown) => {
      if (!actor.isAlive) return;
      if (!(error instanceof ForerunError) || error.code !== 'log-unavailable') return this.#options.fail(error);
      actor.kill();
      this.#options.timeline.after(restartMs, () => this.start());
    });
  }

  /** Kills it at this very moment; it is started again after `downMs`. */
  crash(arrives: 'none' | 'some' | 'all', downMs: number): void {
    const { timeline, network } = this.#options;
    if (this.#actor?.isAlive !== true) return;
    this.crashes++;
    timeline.trace('the authority crashes');
    this.#actor.kill();
    network.listener = undefined;
    network.authorityCrashed(arrives);
    const { authority } = this;
    // What is on the stack at this moment runs to its end, without effect.
    timeline.after(0, () => authority?.engine.close());
    this.#authority = undefined;
    this.#hub = undefined;
    timeline.after(downMs, () => this.start());
  }

  /** Kills it for good. */
  close(): void {
    if (this.#actor?.isAlive !== true) return;
    this.#actor.kill();
    this.#authority?.engine.close();
  }

  async #open(actor: Actor): Promise<void> {
    const { disk, network, random, timeline, guard } = this.#options;
    const authority = await Authority.open({
      definition,
      log: disk.open(actor),
      environment: actor.environment,
      epoch: '00000000000000aa' as Epoch,
      databaseIdentity: Identity.zero(),
      secret: 'ab'.repeat(16),
      guard,
      ...(this.#checkpoint === undefined ? {} : { checkpoint: this.#checkpoint }),
    });
    if (!actor.isAlive) return authority.engine.close();
    this.starts++;
    this.#authority = authority;
    if (this.#options.checkpoints) this.#keepCheckpoints(authority);
    this.#hub = new SessionHub({
      authority,
      environment: actor.environment,
      authenticate: async (token) => {
        await timeline.sleep(random.chance(0.5) ? 0 : random.exponential(10));
        const known = token === '' ? (this.#lastToken++).toString(16).padStart(64, '0') : token;
        return { identity: identityOf(known), token: token === '' ? known : '' };
      },
    });
    network.listener = this.#listener(this.#hub, actor);
  }

  #listener(hub: SessionHub, actor: Actor): Listener {
    return { accept: (connect) => hub.accept(connect), isAlive: () => actor.isAlive };
  }

  /** Of moments in which nothing waits to be written; its rows may be of a later one than the rest. */
  #keepCheckpoints(authority: Authority): void {
    const { random } = this.#options;
    authority.listen({
      unavailable: () => {},
      durable: () => {
        if (authority.executedBatch !== authority.durableBatch || random.chance(0.7)) return;
        const rows = storedRows(authority);
        const isWhole = this.#checkpoint === undefined || random.chance(0.5);
        const { clients, leases, connections } = authority.snapshot();
        const as = { seq: authority.durableSeq, batchNumber: authority.durableBatch, clients, leases, connections };
        this.#checkpoint = isWhole ? { ...as, rows } : { ...(this.#checkpoint as Checkpoint), rows };
      },
    });
  }
}

function storedRows({ engine }: Authority): Checkpoint['rows'] {
  const tables = new Map<string, SqlValue[][]>();
  for (const table of definition.tables) {
    const columns = storedColumns(table).map(quote).join(', ');
    tables.set(table.name, engine.select(`SELECT ${columns} FROM ${quote(table.name)}`).rows);
  }
  return (name) => tables.get(name) ?? [];
}
