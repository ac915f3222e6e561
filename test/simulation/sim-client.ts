/**
 * A client of the simulation: the real host and client object, an app that makes calls, and the checks of everything the
 * app is told, each time it is told something.
 */

import type { Row } from '../../core/commit/row-change.ts';
import type { Transport, TransportEvents } from '../../core/protocol/transport.ts';
import type { CallHandle } from '../../worker/client/call-handle.ts';
import { ClientState } from '../../worker/client/client.ts';
import type { HostApi, HostEvent } from '../../worker/client/host-api.ts';
import type { LiveRows } from '../../worker/client/live-rows.ts';
import { Host } from '../../worker/host.ts';
import type { SimulatedStorage } from '../contract/simulated-storage.ts';
import { differenceOf } from './checkers.ts';
import { expectThat, shown } from './failure.ts';
import { Mirror, publicTables, shapeOf } from './mirror.ts';
import type { Actor } from './timeline.ts';
import { accountBalance, accountCount, definition, surveyOf } from './town.ts';
import { type PlannedCall, tableId, type Workload } from './workload.ts';
import { provideAllCode } from '../../worker/all-code.ts';

provideAllCode();

export interface SimCall {
  readonly callId: number;
  readonly planned: PlannedCall;
  readonly handle: CallHandle;
  /** Of the note it wrote when it was made, if it was predicted. */
  readonly predictedId: bigint | undefined;
  /** `kept`: its client crashed when it was stored and not answered; `unknown`: before it was told to be stored. */
  result: 'open' | 'confirmed' | 'rejected' | 'closed' | 'kept' | 'unknown';
}

export interface SimClientOptions {
  readonly name: string;
  readonly actor: Actor;
  readonly token: string | undefined;
  readonly guard: boolean;
  /** Where it is kept; undefined: nowhere. */
  readonly device: SimulatedStorage | undefined;
  readonly connect: (events: TransportEvents & { readonly opened: () => void }) => Transport;
  readonly trace: (line: string) => void;
}

const accounts = tableId('account');
const notes = tableId('note');
const counters = tableId('counter');

type Member = { readonly id: number; readonly room: number; readonly pos: number };

/** Results that can be told from the rows without SQL. */
const aggregate = 'SELECT room, count(*) AS members, max(pos) AS last FROM member GROUP BY room ORDER BY room';

export class SimClient {
  readonly name: string;
  readonly actor: Actor;
  readonly state: ClientState;
  readonly calls: SimCall[] = [];
  readonly #machine: Host;
  readonly #host: HostApi;
  readonly #options: SimClientOptions;
  readonly #live = new Map<number, LiveRows<unknown>>();
  #aggregate: LiveRows<unknown> | undefined;
  #mirror: Mirror | undefined;
  #isOpen = false;
  emissions = 0;

  constructor(options: SimClientOptions) {
    this.#options = options;
    this.name = options.name;
    this.actor = options.actor;
    this.#machine = new Host({
      definition,
      environment: options.actor.environment,
      openStore: async () => options.device?.connect(() => options.actor.isAlive),
      connect: (_url, events) => options.connect(events),
    });
    this.#host = this.#machine.page();
    this.state = new ClientState(definition, this.#host, () => {});
    this.state.onCall((handle) => this.#checkLanded(handle));
  }

  get mirror(): Mirror {
    if (this.#mirror === undefined) throw new Error('the client is not open yet');
    return this.#mirror;
  }

  get device(): SimulatedStorage | undefined {
    return this.#options.device;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Everything is answered, and the rows are here. */
  get isSettled(): boolean {
    return (
      this.#isOpen && this.state.status.type === 'live' && this.state.status.ready && this.state.status.pending === 0
    );
  }

  async open(): Promise<void> {
    const { token, guard } = this.#options;
    await this.#host.open(
      { url: '', replica: this.name, storage: 'device', pageId: '', token, guard, subscribe: 'all' },
      (events) => this.#receive(events),
    );
    this.#mirror = new Mirror(this.state);
    for (const id of publicTables) {
      const live = this.state.live(this.state.tables[shapeOf(id).table.accessor]);
      this.#live.set(id, live);
      // Of an earlier start: rows that were there before anyone listened.
      if (!shapeOf(id).table.event) this.#mirror.begin(id, live.rows as readonly Row[]);
    }
    this.#aggregate = this.state.live(aggregate);
    this.#isOpen = true;
  }

  act(workload: Workload, calls: number): void {
    for (let i = 0; i < calls; i++) this.call(workload.next(this.name, this.calls.length + 1));
  }

  call(planned: PlannedCall): SimCall {
    const make = this.state.reducers[planned.reducer];
    if (make === undefined) throw new Error(`the town has no reducer ${planned.reducer}`);
    this.#options.trace(`${this.name} calls ${planned.reducer} ${shown(planned.args)}`);
    const handle = this.#made(planned, make);
    const call: SimCall = {
      callId: this.calls.length + 1,
      planned,
      handle,
      predictedId: this.#noteId(planned.text),
      result: 'open',
    };
    this.calls.push(call);
    handle.confirmed.then(
      () => {
        call.result = 'confirmed';
      },
      (error: { code?: string }) => {
        if (call.result === 'open') call.result = error.code === 'client-closed' ? 'closed' : 'rejected';
      },
    );
    this.#checkOwn();
    return call;
  }

  /** While the call is made the app is told of it, before there is a handle to ask. */
  #made(planned: PlannedCall, make: (args?: unknown) => CallHandle): CallHandle {
    const isOpen = this.#isOpen;
    this.#isOpen = false;
    try {
      return make(planned.args);
    } finally {
      this.#isOpen = isOpen;
    }
  }

  #noteId(text: string | undefined): bigint | undefined {
    if (text === undefined || !this.#isOpen) return undefined;
    for (const row of this.mirror.rows(notes).values()) if (row['text'] === text) return row['id'] as bigint;
    return undefined;
  }

  simulate(simulation: Parameters<ClientState['simulate']>[0]): void {
    if (!this.#isOpen) return;
    this.#options.trace(`${this.name} simulates ${shown(simulation)}`);
    this.state.simulate(simulation);
  }

  /** Its tab or process is gone, at this very moment. */
  crash(): void {
    this.#isOpen = false;
    this.actor.kill();
    for (const call of this.calls)
      if (call.result === 'open') call.result = call.handle.state === 'stored' ? 'kept' : 'unknown';
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    const isAlive = this.actor.isAlive;
    this.actor.kill();
    // A device that nobody uses any more answers nobody: there is no waiting for what it has yet to write.
    if (this.device === undefined && isAlive) await this.state.close();
    else this.#machine.end();
  }

  #receive(events: readonly HostEvent[]): void {
    if (!this.actor.isAlive) return;
    this.emissions++;
    this.#options.trace(`${this.name} is told ${events.map(({ type }) => type).join()}`);
    this.state.receive(events);
    if (!this.#isOpen) return;
    if (events.some(({ type }) => type === 'rows')) this.checkLive();
    this.#checkOwn();
  }

  /** Live queries give what the row callbacks have told. */
  checkLive(): void {
    for (const id of this.mirror.takeChanged()) {
      const live = (this.#live.get(id)?.rows ?? []) as readonly Row[];
      const difference = differenceOf(id, live, [...this.mirror.rows(id).values()]);
      expectThat(difference === undefined, () => `${this.name}: live rows and row callbacks: ${difference}`);
    }
    const expected = this.#expectedAggregate();
    expectThat(
      shown(this.#aggregate?.rows) === shown(expected),
      () => `${this.name}: ${aggregate} gave ${shown(this.#aggregate?.rows)}, expected ${shown(expected)}`,
    );
  }

  #expectedAggregate(): unknown[] {
    const rooms = new Map<number, { room: number; members: number; last: number }>();
    for (const { room, pos } of this.mirror.rows(tableId('member')).values() as Iterable<Member>) {
      const known = rooms.get(room) ?? { room, members: 0, last: Number.NEGATIVE_INFINITY };
      rooms.set(room, { room, members: known.members + 1, last: Math.max(known.last, pos) });
    }
    return [...rooms.values()].sort((a, b) => a.room - b.room);
  }

  /** What a client's own calls do is there from the prediction on, once, and gone when it is refused. */
  #checkOwn(): void {
    if (!this.#isOpen || !this.state.status.ready) return;
    const texts = new Map<string, number>();
    for (const row of this.mirror.rows(notes).values()) {
      const text = String(row['text']);
      texts.set(text, (texts.get(text) ?? 0) + 1);
    }
    let counted = 0;
    for (const { planned, handle } of this.calls) {
      const isThere = handle.state === 'confirmed' || isShown(handle);
      if (planned.counts === true && isThere) counted++;
      if (planned.text === undefined) continue;
      const times = texts.get(planned.text) ?? 0;
      expectThat(
        times === (isThere ? 1 : 0),
        () =>
          `${this.name}: '${planned.text}' is there ${times} times; its call is ${handle.state} ${shown(handle.prediction)}`,
      );
    }
    const counter = this.mirror.rows(counters).get(this.name)?.['calls'] ?? 0;
    expectThat(counter === counted, () => `${this.name}: the own counter is ${shown(counter)} after ${counted} calls`);
    this.#checkLast();
    let money = 0n;
    for (const row of this.mirror.rows(accounts).values()) money += row['balance'] as bigint;
    expectThat(money === BigInt(accountCount) * accountBalance, () => `${this.name}: there are ${money} of money`);
  }

  /** Nothing comes after the last call, so what it wrote is a function of the rows there are: others' since then included. */
  #checkLast(): void {
    const last = this.calls.at(-1);
    if (last === undefined || !isShown(last.handle)) return;
    const members = [...this.mirror.rows(tableId('member')).values()] as Member[];
    const { reducer, args } = last.planned;
    if (reducer === 'census') this.#checkStat('members', BigInt(members.length));
    if (reducer !== 'survey') return;
    const inRoom = members.filter(({ room }) => room === args['room']);
    this.#checkStat(`room ${args['room']}`, surveyOf(inRoom.sort((a, b) => a.pos - b.pos || a.id - b.id)));
  }

  #checkStat(name: string, expected: bigint): void {
    const value = this.mirror.rows(tableId('stat')).get(name)?.['value'];
    expectThat(
      value === expected,
      () => `${this.name}: the pending call says ${name} ${shown(value)}, it is ${expected}`,
    );
  }

  /** When a call is confirmed, live queries show it. */
  #checkLanded(handle: CallHandle): void {
    if (!this.#isOpen || handle.state !== 'confirmed') return;
    const text = this.calls.find((call) => call.handle === handle)?.planned.text;
    if (text === undefined) return;
    const live = (this.#live.get(notes)?.rows ?? []) as readonly Row[];
    expectThat(
      live.some((row) => row['text'] === text),
      () => `${this.name}: '${text}' is confirmed, and not in the live rows`,
    );
  }
}

/** What a pending call does is in the rows. */
function isShown({ state, prediction }: CallHandle): boolean {
  return (state === 'predicted' || state === 'stored') && prediction?.type === 'predicted';
}
