/**
 * A connection that carries frames, in order, either way, until it closes: a WebSocket, or two queues in one process.
 *
 * Law: `closed` comes once, on both sides, whichever side closed. What was sent before `close` arrives before the other
 * side's `closed`; on the side that called `close`, nothing arrives any more. Implementations pass
 * `test/contract/transport.ts`.
 */

import type { Scheduler } from '../environment.ts';

export interface Transport {
  /**
   * Takes a copy of the bytes, or is done with them when it returns: the sender may write over them. The same array object
   * sent twice in a tick counts as the same bytes, which a home with many connections puts into a frame once. After the end
   * it does nothing.
   */
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
export function memoryTransport(
  scheduler: Scheduler,
  near: TransportEvents,
  far: TransportEvents,
): { near: Transport; far: Transport } {
  let closedBy: TransportEvents | undefined;
  const end = (own: TransportEvents, peer: TransportEvents): Transport => {
    let buffered = 0;
    return {
      send: (frame) => {
        if (closedBy !== undefined) return;
        const copy = frame.slice();
        buffered += copy.length;
        scheduler.soon(() => {
          buffered -= copy.length;
          if (closedBy !== peer) peer.receive(copy);
        });
      },
      close: () => {
        if (closedBy !== undefined) return;
        closedBy = own;
        scheduler.soon(() => {
          near.closed();
          far.closed();
        });
      },
      bufferedBytes: () => buffered,
    };
  };
  return { near: end(near, far), far: end(far, near) };
}
