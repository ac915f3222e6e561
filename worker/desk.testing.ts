/** An authority and clients of it in one process, on time that stands still: for tests of the client's side. */

import { schema, SenderError, t, table } from 'forerun';
import { type ClockSkew, Home, type TestLog, TestTime } from '../core/authority/home.testing.ts';
import { defineModule, type ModuleExports } from '../core/module/module.ts';
import { ForerunError } from '../core/errors.ts';
import { memoryTransport, type Transport, type TransportEvents } from '../core/protocol/transport.ts';
import { SessionHub } from '../core/session/hub.ts';
import { Identity } from '../core/value/identity.ts';
import { type Client, ClientState } from './client/client.ts';
import type { HostApi, HostEvent, HostOptions } from './client/host-api.ts';
import { Host } from './host.ts';
import type { ClientStore } from './persist/store.ts';
import type { WipeNews } from './start.ts';
import { provideAllCode } from './all-code.ts';

provideAllCode();

const item = table({ public: true }, { id: t.u32().primaryKey(), text: t.string().index(), count: t.u32() });
const secret = table({}, { id: t.u32().primaryKey() });
const other = table({ public: true }, { id: t.u32().primaryKey() });
const note = table(
  { public: true },
  {
    id: t.u64().primaryKey().autoInc(),
    by: t.identity(),
    at: t.timestamp(),
    dice: t.u32(),
    name: t.uuid(),
    text: t.string(),
  },
);
const desk = schema({ item, secret, other, note });

export default desk;
export const put = desk.reducer({ id: t.u32(), text: t.string() }, (ctx, { id, text }) => {
  if (text === '') throw new SenderError('there is nothing to put');
  if (ctx.db.item.id.find(id) === null) ctx.db.item.insert({ id, text, count: 0 });
  else ctx.db.item.id.update({ id, text, count: 0 });
});
export const bump = desk.reducer({ id: t.u32() }, (ctx, { id }) => {
  const row = ctx.db.item.id.find(id);
  if (row === null) throw new SenderError('no such item');
  ctx.db.item.id.update({ ...row, count: row.count + 1 });
});
export const drop = desk.reducer({ id: t.u32() }, (ctx, { id }) => {
  ctx.db.item.id.delete(id);
});
export const touch = desk.reducer({ id: t.u32() }, (ctx, { id }) => {
  ctx.db.other.insert({ id });
});
export const hide = desk.reducer({ id: t.u32() }, (ctx, { id }) => {
  ctx.db.secret.insert({ id });
});
export const wait = desk.reducer({ predict: false }, { id: t.u32() }, (ctx, { id }) => {
  ctx.db.item.insert({ id, text: 'waited', count: 0 });
});
export const stamp = desk.reducer({ id: t.u32() }, (ctx, { id }) => {
  ctx.db.item.insert({ id, text: ctx.timestamp.toISOString(), count: 0 });
});
/** Writes how many items of this text there are into another one. */
export const tally = desk.reducer({ id: t.u32(), text: t.string() }, (ctx, { id, text }) => {
  const count = [...ctx.db.item.text.filter(text)].length;
  ctx.db.item.insert({ id, text: 'tally', count });
});
/** Stores all that a call can draw. */
export const write = desk.reducer({ text: t.string() }, (ctx, { text }) => {
  const dice = ctx.random.integerInRange(1, 1_000_000);
  ctx.db.note.insert({ id: 0n, by: ctx.sender, at: ctx.timestamp, dice, name: ctx.newUuidV7(), text });
  if (text === '') throw new SenderError('nothing to write');
});
export const refuse = desk.reducer({ predict: false }, {}, () => {
  throw new SenderError('never');
});
/** Refused at the authority for what a client does not see, where there is such an item. */
export const dropOrRefuse = desk.reducer({ id: t.u32() }, (ctx, { id }) => {
  if (ctx.db.item.id.find(id) !== null) throw new SenderError('it stays');
});
/** Stores all that a call can know of where it runs. */
export const whoami = desk.reducer({ id: t.u32() }, (ctx, { id }) => {
  const { databaseIdentity, connectionId, senderAuth } = ctx;
  const text = `${databaseIdentity.toHexString()} ${connectionId?.toHexString()} ${senderAuth.isInternal}`;
  ctx.db.item.insert({ id, text, count: 0 });
});
/** A note for each that an item counts. */
export const fill = desk.reducer({ id: t.u32() }, (ctx, { id }) => {
  const { count } = ctx.db.item.id.find(id) ?? { count: 0 };
  const [by, at] = [ctx.sender, ctx.timestamp];
  for (let n = 0; n < count; n++) ctx.db.note.insert({ id: 0n, by, at, dice: n, name: ctx.newUuidV4(), text: `${n}` });
});
/** Finds a note by what its own call has drawn. */
export const rewrite = desk.reducer({ name: t.uuid(), text: t.string() }, (ctx, { name, text }) => {
  const found = [...ctx.db.note.iter()].find((each) => each.name.__uuid__ === name.__uuid__);
  if (found === undefined) throw new SenderError('no such note');
  ctx.db.note.id.update({ ...found, text });
});
/** Reads everything, so that every other commit has it run again. */
export const summarise = desk.reducer((ctx) => {
  const text = `${ctx.db.note.count()} notes`;
  ctx.db.note.insert({
    id: 0n,
    by: ctx.sender,
    at: ctx.timestamp,
    dice: ctx.random.uint32() >>> 8,
    name: ctx.newUuidV4(),
    text,
  });
});
export const forget = desk.reducer((ctx) => {
  ctx.db.item.clear();
});

/** Of a page that a test opens by hand. */
export const deskOptions: HostOptions = {
  url: '',
  replica: 'desk',
  storage: 'device',
  pageId: 'page',
  token: undefined,
  guard: true,
  subscribe: 'all',
};

export const deskModule = {
  default: desk,
  put,
  bump,
  drop,
  touch,
  hide,
  wait,
  tally,
  stamp,
  write,
  whoami,
  fill,
  refuse,
  dropOrRefuse,
  rewrite,
  summarise,
  forget,
};
export type DeskClient = Client<typeof deskModule>;

/** Asked before and after each frame, on either side; those that say yes are down, and send nothing. */
export interface FramePoints {
  readonly nearSend: () => boolean;
  readonly nearSent: () => boolean;
  readonly farSend: () => boolean;
  readonly farSent: () => boolean;
}

export interface DeskOptions {
  readonly log?: TestLog;
  readonly passes?: FramePoints;
}

export class Desk {
  readonly time: TestTime;
  readonly passes: FramePoints | undefined;
  home: Home;
  hub: SessionHub;
  /** So many times nobody can say who shows a token. */
  authenticationFailures = 0;
  #identities = 0n;

  constructor(time: TestTime, home: Home, passes?: FramePoints) {
    this.time = time;
    this.home = home;
    this.passes = passes;
    this.hub = this.#newHub();
  }

  static async open(module: ModuleExports = deskModule, { log, passes }: DeskOptions = {}): Promise<Desk> {
    const time = new TestTime();
    return new Desk(time, await Home.open(module, { time, ...(log && { log }) }), passes);
  }

  /** The authority is killed, and another one begins with what the log has. Its connections have not heard of it. */
  async restart(killed: () => void = () => {}): Promise<void> {
    const { log } = this.home;
    this.home.kill();
    killed();
    this.home = await Home.open(deskModule, { time: this.time, log });
    this.hub = this.#newHub();
  }

  #newHub(): SessionHub {
    return new SessionHub({
      authority: this.home.authority,
      environment: this.home.environment,
      authenticate: async (token) => {
        if (this.authenticationFailures > 0) {
          this.authenticationFailures--;
          throw new ForerunError('internal', 'the service that knows tokens is down');
        }
        if (token !== '') return { identity: new Identity(token), token: '' };
        const identity = new Identity(++this.#identities);
        return { identity, token: identity.toHexString() };
      },
    });
  }

  /** A client that is opening; `ready` of the seat lets time go on until it has its rows. */
  async seat(options: SeatOptions = {}): Promise<Seat> {
    const seat = new Seat(this, options);
    await seat.opened;
    await this.time.advance(1);
    return seat;
  }
}

export interface SeatOptions {
  readonly token?: string;
  readonly store?: ClientStore | undefined;
  readonly storage?: HostOptions['storage'];
  readonly wipes?: WipeNews;
  readonly isReachable?: boolean;
  /** How far its clock is ahead from the start. */
  readonly wallMs?: number;
  readonly subscribe?: 'all' | readonly string[];
  readonly heard?: string[];
  /** What it was to be subscribed to from the start is refused. */
  readonly refused?: (error: ForerunError) => void;
  /** The desk's own unless its home has another one. */
  readonly module?: ModuleExports;
}

/** One client, and what its page was told. */
export class Seat {
  readonly client: DeskClient;
  readonly host: HostApi;
  /** Whatever further pages it has. */
  readonly hosts: Host;
  readonly opened: Promise<void>;
  readonly hostOptions: HostOptions;
  readonly told: (readonly HostEvent[])[] = [];
  /** Transports that were made, the newest last. */
  readonly lives: Transport[] = [];
  isReachable = true;
  readonly skew: ClockSkew;
  /** So many frames of the authority arrive as something else. */
  garbleNext = 0;

  /** Calls that the page was told of, with their states. */
  readonly heard: string[];
  #isAlive = true;

  constructor(
    desk: Desk,
    {
      token,
      store,
      storage = 'device',
      wipes,
      isReachable = true,
      heard = [],
      module = deskModule,
      subscribe = 'all',
      wallMs = 0,
      refused,
    }: SeatOptions,
  ) {
    this.skew = { wallMs, monotonicMs: 0 };
    this.heard = heard;
    this.isReachable = isReachable;
    const definition = defineModule(module);
    const connect = (_url: string, events: TransportEvents & { readonly opened: () => void }): Transport => {
      if (!this.isReachable) {
        desk.time.environment.scheduler.soon(() => events.closed());
        return { send: () => {}, close: () => {}, bufferedBytes: () => 0 };
      }
      let near: Transport | undefined;
      const { home, passes } = desk;
      desk.hub.accept((far) => {
        // One that was killed hears nothing any more.
        const living: TransportEvents = {
          receive: (frame) => desk.home === home && far.receive(frame),
          closed: () => desk.home === home && far.closed(),
        };
        const garbling: TransportEvents = {
          ...events,
          receive: (frame) => {
            const isGarbled = this.garbleNext > 0;
            if (isGarbled) this.garbleNext--;
            events.receive(isGarbled ? frame.map((byte) => byte ^ 0xff) : frame);
          },
        };
        const pair = memoryTransport(desk.time.environment.scheduler, garbling, living);
        near = passes === undefined ? pair.near : pointed(pair.near, passes.nearSend, passes.nearSent);
        return passes === undefined ? pair.far : pointed(pair.far, passes.farSend, passes.farSent);
      });
      desk.time.environment.scheduler.soon(() => events.opened());
      this.lives.push(near as Transport);
      return near as Transport;
    };
    this.hosts = new Host({
      definition,
      environment: desk.time.environmentOf(() => this.#isAlive, this.skew),
      connect,
      openStore: async () => store,
      ...(wipes && { wipes }),
    });
    this.host = this.hosts.page();
    const state = new ClientState(definition, this.host, () => {}, refused);
    this.hostOptions = { url: '', replica: 'desk', storage, pageId: '', token, guard: true, subscribe };
    this.opened = this.host.open(this.hostOptions, (events) => {
      this.told.push(events);
      state.receive(events);
    });
    this.client = state as unknown as DeskClient;
    this.client.onCall(({ reducer, state: step }) => heard.push(`${reducer} ${step}`));
  }

  /** As if the process were gone: what it has left to do is not done. */
  kill(): void {
    this.#isAlive = false;
  }

  /** As if the network failed. */
  cut(): void {
    this.lives.at(-1)?.close();
  }
}

function pointed(transport: Transport, before: () => boolean, after: () => boolean): Transport {
  return {
    ...transport,
    send: (frame) => {
      if (before()) return;
      transport.send(frame);
      after();
    },
  };
}
