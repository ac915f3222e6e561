/**
 * What lies between browser and server: a port that stays while servers come and go behind it. It can swallow what passes
 * through open WebSockets and then cut them, as a network does that is lost in the middle of a message.
 */

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

interface Line {
  readonly near: Socket;
  readonly far: Socket;
  /** Whose WebSocket it is; undefined for other requests. */
  database: string | undefined;
  isLost: boolean;
}

export class Wire {
  /** The server's. */
  target = 0;
  readonly #server: Server;
  readonly #lines = new Set<Line>();

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (near) => this.#join(near));
  }

  static async open(): Promise<Wire> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Wire(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** What is sent from now on over the WebSockets of a database never arrives, and neither side hears of it. */
  lose(database: string): void {
    for (const line of this.#lines) if (line.database === database) line.isLost = true;
  }

  /** Ends the WebSockets of a database. */
  cut(database: string): void {
    for (const { near, far, database: own } of this.#lines)
      if (own === database) for (const socket of [near, far]) socket.destroy();
  }

  close(): void {
    this.#server.close();
    for (const { near, far } of this.#lines) for (const socket of [near, far]) socket.destroy();
  }

  #join(near: Socket): void {
    const far = connect(this.target, 'localhost');
    const line: Line = { near, far, database: undefined, isLost: false };
    this.#lines.add(line);
    near.once('data', (start: Buffer) => {
      line.database = /^GET \/v1\/database\/(\w+)\/subscribe/.exec(start.toString('latin1'))?.[1];
    });
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('data', (bytes) => {
        if (!line.isLost) to.write(bytes);
      });
      // Whatever ends one side, the other learns by its end.
      from.on('error', () => {});
      from.on('close', () => {
        to.destroy();
        this.#lines.delete(line);
      });
    }
  }
}
