/** A bare `ws` server that sends every frame back: the network's floor. */

import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';

const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
server.on('connection', (socket) => socket.on('message', (data) => socket.send(data)));
server.once('listening', () => process.send?.((server.address() as AddressInfo).port));
process.once('disconnect', () => process.exit(0));
