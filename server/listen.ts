/** Taking a port. Law: whatever the machine says against it is told with the way out, as an error of ours. */

import type { Server } from 'node:http';
import { ForerunError } from '../core/errors.ts';

const portMax = 65_535;

/** Before anything is opened for a port that there can't be. Throws `address-unusable`. */
export function checkPort(port: number): void {
  if (Number.isInteger(port) && port >= 0 && port <= portMax) return;
  throw new ForerunError(
    'address-unusable',
    `The port ${String(port)} is none: use a whole number from 1 to ${portMax}, or 0 for any that is free.`,
    { detail: { port } },
  );
}

/** Throws `port-in-use` or `address-unusable`. */
export function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (cause: NodeJS.ErrnoException): void => reject(refused(cause, port, host));
    server.once('error', failed);
    server.listen(port, host, () => {
      server.off('error', failed);
      resolve();
    });
  });
}

function refused(cause: NodeJS.ErrnoException, port: number, host: string): ForerunError {
  const options = { detail: { port, host }, cause };
  switch (cause.code) {
    case 'EADDRINUSE': {
      const next = port < portMax ? port + 1 : port - 1;
      return new ForerunError(
        'port-in-use',
        `Port ${port} of ${host} is taken by another program. Stop that one, or choose another port, such as ${next}, or 0 for any that is free.`,
        options,
      );
    }
    case 'EACCES':
      return new ForerunError(
        'address-unusable',
        `This user may not listen at port ${port} of ${host}. Choose one above 1023, with a proxy in front of it where people expect a lower one.`,
        options,
      );
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new ForerunError(
        'address-unusable',
        `This machine has no address ${host}. Use 127.0.0.1 for this machine only, or 0.0.0.0 for everyone.`,
        options,
      );
    default:
      return new ForerunError(
        'address-unusable',
        `The server can't listen at port ${port} of ${host}: ${cause.message}. Choose another port or host.`,
        options,
      );
  }
}
