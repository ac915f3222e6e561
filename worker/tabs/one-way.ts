/**
 * What nobody answers on the port between a page and its host: calls to the host, events to the page. comlink would answer
 * each of them, and would send events through a port of their own, whose messages take several times as long as a dedicated
 * worker's: so these go beside comlink's messages on the same port, and in order with them.
 *
 * Law: comlink passes over a message that is none of its own, and so does `hear`.
 */

import { ForerunError } from '../../core/errors.ts';
import type { HostApi, HostCall, HostEvent, HostListener } from '../client/host-api.ts';

/** What comlink needs of a port as well. */
export interface Port {
  readonly postMessage: (message: unknown) => void;
  readonly addEventListener: (type: string, listener: (event: Event) => void) => void;
  readonly removeEventListener: (type: string, listener: (event: Event) => void) => void;
}

/** A broadcast channel as comlink takes one. Says nothing any more once `isOver` does. */
export function portOf(channel: BroadcastChannel, isOver: () => boolean = () => false): Port {
  return {
    postMessage: (message) => {
      if (!isOver()) channel.postMessage(message);
    },
    addEventListener: (type, listener) => channel.addEventListener(type, listener),
    removeEventListener: (type, listener) => channel.removeEventListener(type, listener),
  };
}

type OneWayMessage =
  | { readonly oneWay: 'call'; readonly request: HostCall }
  | { readonly oneWay: 'events'; readonly events: readonly HostEvent[] };

export function sendCall(port: Port, request: HostCall): void {
  port.postMessage({ oneWay: 'call', request } satisfies OneWayMessage);
}

export function sendEvents(port: Port, events: readonly HostEvent[]): void {
  port.postMessage({ oneWay: 'events', events } satisfies OneWayMessage);
}

/** The result stops it. */
export function hearEvents(port: Port, listener: HostListener): () => void {
  return hear(port, (message) => {
    if (message.oneWay === 'events') listener(message.events);
  });
}

export function hearCalls(port: Port, page: Pick<HostApi, 'call'>): void {
  hear(port, (message) => {
    if (message.oneWay !== 'call') return;
    try {
      page.call(message.request);
    } catch (error) {
      // The page made it while it was being closed, and has told its caller so.
      if (!(error instanceof ForerunError) || error.code !== 'client-closed') throw error;
    }
  });
}

function hear(port: Port, act: (message: OneWayMessage) => void): () => void {
  const listener = (event: Event): void => {
    const { data } = event as MessageEvent<unknown>;
    // Only this file's functions make messages with this field.
    if (typeof data === 'object' && data !== null && 'oneWay' in data) act(data as OneWayMessage);
  };
  port.addEventListener('message', listener);
  return () => port.removeEventListener('message', listener);
}
