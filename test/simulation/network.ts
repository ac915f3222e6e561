/**
 * Simulated network between clients and one authority: connections with latency and jitter, which are lost with what is
 * on its way, notice so late, on each side at another time, or not at all.
 *
 * Law: on one connection frames arrive in order and once, and what arrives is a beginning of what was sent. Between two
 * connections of one client there is no order: the end of an old one may arrive after the beginning of the next.
 */

import type { Transport, TransportEvents } from '../../core/protocol/transport.ts';
import type { Random } from './random.ts';
import type { Timeline } from './timeline.ts';

export interface NetworkProfile {
  readonly latencyMs: number;
  readonly jitterMs: number;
  /** Frames arrive at multiples of it, so that several arrive at once; 0: whenever. */
  readonly quantumMs: number;
}

/** Takes new connections, as `SessionHub.accept` does. */
export interface Listener {
  readonly accept: (connect: (events: TransportEvents) => Transport) => void;
  /** False once its machine has crashed. */
  readonly isAlive: () => boolean;
}

export interface NetworkObserver {
  readonly sent: (client: string, from: 'client' | 'authority', frame: Uint8Array) => void;
  readonly closed: (client: string) => void;
}

interface End {
  readonly name: 'client' | 'authority';
  events: TransportEvents | undefined;
  isAlive: () => boolean;
  isClosed: boolean;
}

interface Frame {
  readonly bytes: Uint8Array;
  isLost: boolean;
}

/** What is on its way to one end, in order. */
interface Lane {
  readonly to: End;
  readonly frames: Frame[];
  lastDueMs: number;
}

export class Network {
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #profile: NetworkProfile;
  readonly #observer: NetworkObserver;
  readonly #wires = new Map<string, Wire>();
  readonly #cutUntilMs = new Map<string, number>();
  listener: Listener | undefined;

  constructor(timeline: Timeline, random: Random, profile: NetworkProfile, observer: NetworkObserver) {
    this.#timeline = timeline;
    this.#random = random;
    this.#profile = profile;
    this.#observer = observer;
  }

  /** A new connection of this client; `opened` when the authority has taken it. */
  connect(
    client: string,
    isAlive: () => boolean,
    events: TransportEvents & { readonly opened: () => void },
  ): Transport {
    const wire = new Wire(client, this.#timeline, this.#random, this.#profile, this.#observer, { events, isAlive });
    this.#wires.set(client, wire);
    this.#timeline.after(wire.latency(), () => {
      const { listener } = this;
      if (wire.client.isClosed || wire.isSevered) return;
      if ((this.#cutUntilMs.get(client) ?? 0) > this.#timeline.nowMs) return wire.close('client', 3_000);
      if (listener?.isAlive() !== true) return wire.close('client', wire.latency());
      wire.authority.isAlive = listener.isAlive;
      listener.accept((far) => {
        wire.authority.events = far;
        return wire.transport('authority');
      });
      wire.enqueue('client', () => {
        if (!wire.client.isClosed) events.opened();
      });
    });
    return wire.transport('client');
  }

  /** The client's connection breaks, and no new one can be made for so long. */
  cut(client: string, forMs: number): void {
    this.#cutUntilMs.set(client, this.#timeline.nowMs + forMs);
    this.#wires.get(client)?.sever();
  }

  /** The authority's machine is gone: what it had sent may arrive, what was on the way to it does not. */
  authorityCrashed(arrives: 'none' | 'some' | 'all'): void {
    for (const wire of this.#wires.values()) wire.authorityCrashed(arrives);
  }

  /** The client's newest connection works; its ends may believe so of one that doesn't. */
  isSound(client: string): boolean {
    return this.#wires.get(client)?.isSound === true;
  }

  /** New connections can be made again. */
  heal(): void {
    this.#cutUntilMs.clear();
  }
}

class Wire {
  readonly client: End;
  readonly authority: End;
  readonly #name: string;
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #profile: NetworkProfile;
  readonly #observer: NetworkObserver;
  readonly #lanes: { readonly client: Lane; readonly authority: Lane };
  #isSevered = false;

  constructor(
    name: string,
    timeline: Timeline,
    random: Random,
    profile: NetworkProfile,
    observer: NetworkObserver,
    client: Pick<End, 'events' | 'isAlive'>,
  ) {
    this.#name = name;
    this.#timeline = timeline;
    this.#random = random;
    this.#profile = profile;
    this.#observer = observer;
    this.client = { name: 'client', isClosed: false, ...client };
    this.authority = { name: 'authority', events: undefined, isClosed: false, isAlive: () => false };
    this.#lanes = {
      client: { to: this.client, frames: [], lastDueMs: 0 },
      authority: { to: this.authority, frames: [], lastDueMs: 0 },
    };
  }

  get isSound(): boolean {
    return !this.#isSevered && !this.client.isClosed && !this.authority.isClosed && this.authority.isAlive();
  }

  get isSevered(): boolean {
    return this.#isSevered;
  }

  latency(): number {
    return this.#profile.latencyMs + this.#random.exponential(this.#profile.jitterMs);
  }

  transport(of: 'client' | 'authority'): Transport {
    const to = of === 'client' ? 'authority' : 'client';
    return {
      send: (frame) => {
        if (this[of].isClosed) return;
        this.#observer.sent(this.#name, of, frame);
        if (!this.#isSevered) this.#send(to, frame.slice());
      },
      close: () => {
        if (this[of].isClosed) return;
        this.close(of, 0);
        if (!this.#isSevered) this.enqueue(to, () => this.close(to, 0));
      },
      // Now and then the network is slow to take what it is given.
      bufferedBytes: () => (of === 'authority' && this.#random.chance(0.1) ? 2_000_000 : 0),
    };
  }

  /** Nothing arrives at this end any more; it is told after `delayMs`. */
  close(end: 'client' | 'authority', delayMs: number): void {
    const { events, isAlive } = this[end];
    if (this[end].isClosed) return;
    this[end].isClosed = true;
    this.#timeline.after(delayMs, () => {
      if (!isAlive()) return;
      this.#timeline.trace(`${this.#name} closed at the ${end}`);
      if (end === 'client') this.#observer.closed(this.#name);
      events?.closed();
    });
  }

  /** Runs it at that end, after the frames that are on their way there. */
  enqueue(to: 'client' | 'authority', run: () => void): void {
    const lane = this.#lanes[to];
    const { quantumMs } = this.#profile;
    let dueMs = Math.max(lane.lastDueMs, this.#timeline.nowMs + this.latency());
    if (quantumMs > 0) dueMs = Math.ceil(dueMs / quantumMs) * quantumMs;
    lane.lastDueMs = dueMs;
    this.#timeline.at(dueMs, () => {
      if (lane.to.isAlive()) run();
    });
  }

  /** Breaks it: some of what is on its way arrives, and each side notices when it does. */
  sever(): void {
    if (this.#isSevered) return;
    this.#isSevered = true;
    for (const lane of [this.#lanes.client, this.#lanes.authority])
      this.#lose(lane, this.#random.integer(0, lane.frames.length));
    // Now and then only the silence tells.
    if (this.#random.chance(0.8)) this.#timeline.after(this.#noticeMs(), () => this.close('client', 0));
    this.#timeline.after(this.#noticeMs() * 4, () => this.close('authority', 0));
  }

  authorityCrashed(arrives: 'none' | 'some' | 'all'): void {
    if (this.#isSevered) return;
    this.#isSevered = true;
    const { client, authority } = this.#lanes;
    const kept = { none: 0, some: this.#random.integer(0, client.frames.length), all: client.frames.length };
    this.#lose(client, kept[arrives]);
    this.#lose(authority, 0);
    this.#timeline.at(Math.max(client.lastDueMs, this.#timeline.nowMs + this.latency()), () => this.close('client', 0));
  }

  #send(to: 'client' | 'authority', bytes: Uint8Array): void {
    const lane = this.#lanes[to];
    const frame = { bytes, isLost: false };
    lane.frames.push(frame);
    this.enqueue(to, () => {
      if (frame.isLost) return;
      lane.frames.splice(lane.frames.indexOf(frame), 1);
      if (lane.to.isClosed) return;
      this.#timeline.trace(`${this.#name} to the ${to}, ${bytes.length} bytes`, bytes);
      lane.to.events?.receive(bytes);
    });
  }

  #lose(lane: Lane, kept: number): void {
    for (const frame of lane.frames.splice(kept)) frame.isLost = true;
  }

  #noticeMs(): number {
    return this.#random.chance(0.5) ? this.#random.between(0, 30) : this.#random.exponential(800);
  }
}
