/** The server process of the fan-out benchmark: ours, or with `bare` a `ws` server that sends what it hears to everyone. */

import type { AddressInfo } from 'node:net';
import { serve } from 'forerun/server';
import { WebSocketServer } from 'ws';
import * as board from './module.ts';

const [kind, folder] = process.argv.slice(2);
if (kind === 'bare') {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
  server.on('connection', (socket) => {
    socket.on('message', (data) => {
      for (const client of server.clients) client.send(data);
    });
  });
  server.once('listening', () => {
    process.send?.({ type: 'listening', url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  });
} else {
  const served = await serve({ module: board, port: 0, ...(folder === undefined ? {} : { data: folder }) });
  process.send?.({ type: 'listening', url: served.url });
}
process.once('disconnect', () => process.exit(0));
