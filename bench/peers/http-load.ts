/**
 * Load for an HTTP peer: keep-alive connections with one request in flight each, over bare sockets with a parser that
 * knows no more than it needs, so that the client takes as little of the machine as ours does.
 */

import { connect, type Socket } from 'node:net';
import { Histogram } from '../transfer/histogram.ts';
import type { Pairs } from '../transfer/pairs.ts';

export interface HttpLoadReport {
  readonly tps: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const headEnd = '\r\n\r\n';
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export async function httpLoad(
  port: number,
  plan: {
    readonly connections: number;
    readonly pairs: Pairs;
    readonly warmUpMs: number;
    readonly measureMs: number;
  },
): Promise<HttpLoadReport> {
  const { pairs, connections, warmUpMs, measureMs } = plan;
  const latencies = new Histogram();
  let next = 0;
  let done = 0;
  let failure: Error | undefined;
  const request = (): string => {
    const pair = next++ % pairs.from.length;
    const body = JSON.stringify({ from: pairs.from[pair], to: pairs.to[pair], amount: 1 });
    return `POST /transfer HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${body.length}${headEnd}${body}`;
  };
  const sockets: Socket[] = [];
  for (let i = 0; i < connections; i++) {
    const socket = connect(port, '127.0.0.1');
    await new Promise((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    socket.setNoDelay(true);
    let sentMs = 0;
    let received = '';
    const send = (): void => {
      sentMs = performance.now();
      socket.write(request());
    };
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      const end = responseEnd(received);
      if (end === undefined) return;
      if (!received.startsWith('HTTP/1.1 200')) failure = new Error(`The peer answered: ${received.slice(0, 200)}`);
      received = received.slice(end);
      done++;
      latencies.add(performance.now() - sentMs);
      if (failure === undefined) send();
    });
    sockets.push(socket);
    send();
  }
  await sleep(warmUpMs);
  done = 0;
  latencies.clear();
  const startMs = performance.now();
  await sleep(measureMs);
  const tps = Math.round((done / (performance.now() - startMs)) * 1000);
  for (const socket of sockets) socket.destroy();
  if (failure !== undefined) throw failure;
  return { tps, p50Ms: latencies.quantile(0.5), p99Ms: latencies.quantile(0.99) };
}

/** Where the first response in the text ends, if it is all there. */
function responseEnd(text: string): number | undefined {
  const head = text.indexOf(headEnd);
  if (head < 0) return undefined;
  const length = /content-length: (\d+)/i.exec(text.slice(0, head))?.[1];
  if (length === undefined) throw new Error('The peer gave no length.');
  const end = head + headEnd.length + Number(length);
  return text.length < end ? undefined : end;
}
