/** The floor of anything that a page asks a worker, shared or its own: comlink's bare round trip. */

import { type Endpoint, expose } from 'comlink';

const api = { echo: (value: number): number => value };

if ('onconnect' in globalThis) {
  addEventListener('connect', (event) => {
    const [port] = (event as MessageEvent).ports;
    if (port !== undefined) expose(api, port);
  });
} else expose(api, globalThis as unknown as Endpoint);
