/** A start whose connection is there before the device has been read. */

import { expect, test } from 'vitest';
import { ByteReader } from '../core/codec/bytes.ts';
import type { Transport } from '../core/protocol/transport.ts';
import { decodeClientMessage } from '../core/protocol/frame.ts';
import { Desk, Seat } from './desk.testing.ts';
import { memoryStore } from './persist/store.ts';

/** The device is not read yet, and the socket is open. */
async function started(): Promise<{ desk: Desk; seat: Seat; socket: Transport; read: () => void }> {
  const desk = await Desk.open();
  const read = Promise.withResolvers<void>();
  const store = memoryStore();
  const seat = new Seat(desk, {
    store: {
      ...store,
      open: async () => {
        await read.promise;
        return store.open();
      },
    },
  });
  await desk.time.advance(1_000);
  const [socket] = seat.lives;
  if (socket === undefined) throw new Error('there is no socket yet');
  return { desk, seat, socket, read: read.resolve };
}

test('[SES-1] [SES-6] greets with what its page subscribes to, so that the rows are here when it says so', async () => {
  const { desk, seat, socket, read } = await started();
  const frames: Uint8Array[] = [];
  const { send } = socket;
  Object.assign(socket, {
    send: (frame: Uint8Array) => {
      frames.push(frame.slice());
      send(frame);
    },
  });
  read();
  await seat.opened;
  await desk.time.advance(1_000);
  const hello = decodeClientMessage(new ByteReader(frames[0] ?? new Uint8Array()));
  expect(hello).toMatchObject({ type: 'hello', subscriptions: [{ queries: expect.any(Array) }] });
  expect(seat.client.status).toMatchObject({ type: 'live', ready: true });
  expect(seat.lives).toHaveLength(1);
});

test('[CLI-8] a client that is closed while its device is read leaves no socket behind', async () => {
  const { desk, seat, socket, read } = await started();
  let closed = 0;
  const { close } = socket;
  Object.assign(socket, {
    close: () => {
      closed++;
      close();
    },
  });
  const closing = seat.host.close();
  read();
  await closing;
  await desk.time.advance(1_000);
  expect(closed).toBe(1);
  expect(seat.lives).toHaveLength(1);
});
