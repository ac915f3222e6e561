/**
 * A connection that carries frames, in order, either way, until it closes: a WebSocket, or two queues in one process.
 *
 * Law: nothing arrives after `closed`, and `closed` comes once, also when this side closed. Implementations pass
 * `test/contract/transport.ts`.
 */

import type { Scheduler } from '../environment.ts';

export interface Transport {
  /** Takes the bytes over: the sender does not touch them again. After the end it does nothing. */
  readonly send: (frame: Uint8Array) => void;
  readonly close: () => void;
  /** Bytes taken over and not yet handed to the network. */
  readonly bufferedBytes: () => number;
}

export interface TransportEvents {
  readonly receive: (frame: Uint8Array) => void;
  readonly closed: () => void;
}

/** Two ends in one process. Frames are copied, so that neither side can see the other's later writes. */
export function memoryTransport(scheduler: Scheduler, near: TransportEvents, far: TransportEvents): { near: Transport; far: Transport } {
  let open = true;
  const close = (): void => {
    if (!open) return;
    open = false;
    scheduler.soon(() => {
      near.closed();
      far.closed();
    });
  };
  const end = (peer: TransportEvents): Transport => {
    let buffered = 0;
    return {
      send: (frame) => {
        if (!open) return;
        const copy = frame.slice();
        buffered += copy.length;
        scheduler.soon(() => {
          buffered -= copy.length;
          if (open) peer.receive(copy);
        });
      },
      close,
      bufferedBytes: () => buffered,
    };
  };
  return { near: end(far), far: end(near) };
}
