/**
 * A transport that is being opened while the host still reads what it has kept: on a start that is waited for, the way to
 * the authority and the way to the device take their time side by side.
 *
 * Law: the connection that takes it hears of all that has happened to it, in order, and after `connect` has returned, as it
 * would of one that it had begun itself. It is taken once; the next one is the home's own.
 */

import type { Transport, TransportEvents } from '../../core/protocol/transport.ts';

type Events = TransportEvents & { readonly opened: () => void };
type Connect = (url: string, events: Events) => Transport;

export interface EarlyTransport {
  readonly connect: Connect;
  /** If nobody has taken it. */
  readonly close: () => void;
}

export function earlyTransport(connect: Connect, url: string): EarlyTransport {
  let listener: Events | undefined;
  const missed: ((events: Events) => void)[] = [];
  const tell = (what: (events: Events) => void): void => {
    if (listener === undefined) missed.push(what);
    else what(listener);
  };
  let transport: Transport | undefined = connect(url, {
    opened: () => tell((events) => events.opened()),
    receive: (frame) => tell((events) => events.receive(frame)),
    closed: () => tell((events) => events.closed()),
  });
  return {
    connect: (wanted, events) => {
      const taken = transport;
      transport = undefined;
      if (taken === undefined || wanted !== url) return connect(wanted, events);
      queueMicrotask(() => {
        listener = events;
        for (const what of missed.splice(0)) what(events);
      });
      return taken;
    },
    close: () => {
      transport?.close();
      transport = undefined;
    },
  };
}
