/** A WebSocket as a Transport: the platform's own, in browsers, workers and Node. */

import type { Transport, TransportEvents } from '../../core/protocol/transport.ts';
import { subprotocol } from '../../core/protocol/version.ts';

export function webSocketTransport(url: string, events: TransportEvents & { readonly opened: () => void }): Transport {
  const socket = new WebSocket(url, subprotocol);
  socket.binaryType = 'arraybuffer';
  let isClosed = false;
  const closed = (): void => {
    if (isClosed) return;
    isClosed = true;
    events.closed();
  };
  socket.addEventListener('open', () => events.opened());
  socket.addEventListener('message', ({ data }) => {
    // Text is not of this protocol; the frame parser says so for an empty frame of tag 0.
    if (!isClosed) events.receive(data instanceof ArrayBuffer ? new Uint8Array(data) : new Uint8Array(1));
  });
  socket.addEventListener('close', closed);
  socket.addEventListener('error', closed);
  return {
    send: (frame) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(frame as Uint8Array<ArrayBuffer>);
    },
    close: () => {
      socket.close();
      closed();
    },
    bufferedBytes: () => socket.bufferedAmount,
  };
}
