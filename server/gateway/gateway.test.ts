import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect as connectSocket } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { WebSocket as LooseWebSocket } from 'ws';
import { ByteReader } from '../../core/codec/bytes.ts';
import type { Scheduler } from '../../core/environment.ts';
import { decodeServerMessage } from '../../core/protocol/frame.ts';
import type { Transport, TransportEvents } from '../../core/protocol/transport.ts';
import { subprotocol } from '../../core/protocol/version.ts';
import { describeTransport } from '../../test/contract/transport.ts';
import { webSocketTransport } from '../../worker/connection/web-socket.ts';
import { nodeEnvironment } from '../environment.ts';
import { Gateway, type GatewayLimits, type GatewayOptions } from './gateway.ts';

const silent: TransportEvents = { receive: () => {}, closed: () => {} };

/** A gateway on a port of its own. `events` are those of each connection's near end. */
async function listening(
  events: (transport: () => Transport) => TransportEvents,
  options: Partial<GatewayOptions> & { readonly limits?: Partial<GatewayLimits> } = {},
): Promise<{ gateway: Gateway; url: string; port: number; ends: Transport[] }> {
  const ends: Transport[] = [];
  const gateway = new Gateway({
    accept: (connect) => {
      const place = ends.length;
      ends.push(connect(events(() => ends[place] as Transport)));
    },
    scheduler: nodeEnvironment().scheduler,
    connectionFailed: (error) => {
      throw error;
    },
    ...options,
  });
  const server = createServer().on('upgrade', (request, socket, head) => gateway.upgrade(request, socket, head));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  onTestFinished(async () => {
    for (const end of ends) end.close();
    await gateway.close();
    server.close();
    server.closeAllConnections();
  });
  return { gateway, url: `ws://127.0.0.1:${port}/`, port, ends };
}

/** A socket that may send anything, open. */
async function open(url: string): Promise<LooseWebSocket> {
  const socket = new LooseWebSocket(url, subprotocol);
  socket.on('error', () => {});
  await new Promise((resolve) => socket.once('open', resolve));
  return socket;
}

function closeCode(socket: LooseWebSocket): Promise<number> {
  return new Promise((resolve) => socket.once('close', resolve));
}

/** A scheduler whose timers run when the test says so. */
function timersByHand(): { scheduler: Scheduler; run: () => void } {
  let due: (() => void)[] = [];
  const scheduler: Scheduler = {
    soon: (task) => void setImmediate(task),
    after: (_, task) => {
      due.push(task);
      return () => {
        due = due.filter((each) => each !== task);
      };
    },
  };
  return { scheduler, run: () => due.splice(0).forEach((task) => void task()) };
}

describeTransport('a WebSocket and the gateway', async (near, far) => {
  const { url, ends } = await listening(() => near);
  const end = await new Promise<Transport>((resolve) => {
    const transport = webSocketTransport(url, { ...far, opened: () => resolve(transport) });
  });
  await vi.waitFor(() => expect(ends.length).toBe(1));
  return { near: ends[0] as Transport, far: end };
});

test('a text frame is answered with frame-invalid, and the connection ends', async () => {
  const received: Uint8Array[] = [];
  const { url } = await listening(() => ({ ...silent, receive: (frame) => received.push(frame) }));
  const socket = await open(url);
  const answer = new Promise<Buffer>((resolve) => socket.once('message', (data) => resolve(data as Buffer)));
  socket.send('hello');
  const message = decodeServerMessage(new ByteReader(await answer), () => {
    throw new Error('no rows');
  });
  expect(message).toMatchObject({ type: 'error', code: 'frame-invalid' });
  expect(await closeCode(socket)).toBe(1003);
  expect(received).toEqual([]);
});

test('a frame beyond the limit ends its connection with 1009 and no other', async () => {
  const received: number[] = [];
  const { url } = await listening(() => ({ ...silent, receive: (frame) => received.push(frame.length) }), {
    limits: { frameBytesMax: 1_000 },
  });
  const [guilty, other] = [await open(url), await open(url)];
  guilty.send(new Uint8Array(1_001));
  expect(await closeCode(guilty)).toBe(1009);
  other.send(new Uint8Array(1_000));
  await vi.waitFor(() => expect(received).toEqual([1_000]));
});

test('bytes that are no WebSocket frame end their connection and no other', async () => {
  const received: number[] = [];
  const { url, port, gateway } = await listening(() => ({
    ...silent,
    receive: (frame) => received.push(frame.length),
  }));
  const other = await open(url);
  const socket = connectSocket(port, '127.0.0.1');
  const ended = new Promise((resolve) => socket.once('close', resolve));
  socket.on('error', () => {});
  socket.write(
    `GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${'A'.repeat(22)}==\r\nSec-WebSocket-Protocol: ${subprotocol}\r\n\r\n`,
  );
  socket.once('data', () => socket.write(Buffer.alloc(64, 0xff)));
  await ended;
  await vi.waitFor(() => expect(gateway.connectionCount).toBe(1));
  other.send(Uint8Array.of(1));
  await vi.waitFor(() => expect(received).toEqual([1]));
});

test('a bug in handling a frame ends its connection with an error, is reported, and reaches no other', async () => {
  const reported: unknown[] = [];
  const bug = new TypeError('a bug');
  const { url } = await listening(
    () => ({
      ...silent,
      receive: () => {
        throw bug;
      },
    }),
    { connectionFailed: (error) => reported.push(error) },
  );
  const [guilty, other] = [await open(url), await open(url)];
  guilty.send(Uint8Array.of(1));
  expect(await closeCode(guilty)).toBe(1011);
  expect(reported).toEqual([bug]);
  expect(other.readyState).toBe(LooseWebSocket.OPEN);
});

test('a reader that is too slow is let go when the next frame comes', async () => {
  const closed = vi.fn();
  const { url, ends } = await listening(() => ({ ...silent, closed }), { limits: { bufferedBytesMax: 1_000_000 } });
  const socket = await open(url);
  await vi.waitFor(() => expect(ends.length).toBe(1));
  socket.pause();
  const ended = closeCode(socket);
  const [end] = ends as [Transport];
  const frame = new Uint8Array(600_000);
  // The network takes a few megabytes before anything is buffered here.
  await vi.waitFor(() => {
    end.send(frame);
    expect(end.bufferedBytes()).toBeGreaterThan(1_000_000);
  });
  const atMost = end.bufferedBytes();
  end.send(frame);
  await vi.waitFor(() => expect(closed).toHaveBeenCalledOnce());
  expect(atMost).toBeLessThan(1_000_000 + 2 * frame.length);
  socket.resume();
  expect(await ended).toBe(1006);
});

test('one frame larger than the bound on what may wait is sent all the same', async () => {
  const { url, ends } = await listening(() => silent, { limits: { bufferedBytesMax: 1_000 } });
  const socket = await open(url);
  const arrived = new Promise<number>((resolve) => socket.once('message', (data) => resolve((data as Buffer).length)));
  await vi.waitFor(() => expect(ends.length).toBe(1));
  ends[0]?.send(new Uint8Array(2_000_000));
  expect(await arrived).toBe(2_000_000);
});

test('a connection that shows no sign of life for two heartbeats is ended; one that answers is not', async () => {
  const { scheduler, run } = timersByHand();
  const { url, gateway } = await listening(() => silent, { scheduler });
  const alive = await open(url);
  const dead = new LooseWebSocket(url, subprotocol, { autoPong: false });
  dead.on('error', () => {});
  await new Promise((resolve) => dead.once('open', resolve));
  const ended = closeCode(dead);
  for (let beat = 1; beat <= 3; beat++) {
    const pings = [alive, dead].map((socket) => new Promise((resolve) => socket.once('ping', resolve)));
    run();
    if (beat < 3) await Promise.all(pings);
    // Another answer on the same connection: the pong has arrived before it.
    await roundTrip(alive, gateway);
  }
  expect(await ended).toBe(1006);
  expect(alive.readyState).toBe(LooseWebSocket.OPEN);
});

/** Resolves when what `socket` has sent so far has been handled, and what the gateway has sent so far has arrived. */
async function roundTrip(socket: LooseWebSocket, gateway: Gateway): Promise<void> {
  expect(gateway.connectionCount).toBeGreaterThan(0);
  const pong = new Promise((resolve) => socket.once('pong', resolve));
  socket.ping();
  await pong;
}

test('another subprotocol is refused in plain HTTP, with what to do', async () => {
  const { port } = await listening(() => silent);
  const socket = connectSocket(port, '127.0.0.1');
  socket.write(
    `GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${'A'.repeat(22)}==\r\nSec-WebSocket-Protocol: v9.other\r\n\r\n`,
  );
  const answer = await new Promise<string>((resolve) => socket.once('data', (data) => resolve(String(data))));
  expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toMatchObject({
    code: 'protocol-mismatch',
    message: expect.stringContaining(subprotocol),
  });
});
