/** Waits for the rows that a client is to have from its start. */

import { ForerunError } from '../../core/errors.ts';
import type { ClientStatus } from './host-api.ts';

/** Rejects when they are refused, and when the client stops before. */
export function rowsHere(
  client: { readonly status: ClientStatus; readonly onStatus: (listener: () => void) => () => void },
  refusal: () => ForerunError | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (): boolean => {
      const { status } = client;
      const refused = refusal();
      if (refused !== undefined) reject(refused);
      else if (status.ready) resolve();
      else if (status.type === 'stopped') reject(new ForerunError(status.code, status.message));
      else return false;
      return true;
    };
    if (settle()) return;
    const stop = client.onStatus(() => {
      if (settle()) stop();
    });
  });
}
