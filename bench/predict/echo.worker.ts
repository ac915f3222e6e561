/** The floor of anything that a page asks a worker: comlink's bare round trip. */

import { expose } from 'comlink';

expose({ echo: (value: number): number => value });
