/** The page's client, for tests to reach. */

import { type Client, connect } from 'forerun/client';
import * as book from './module.ts';

declare global {
  interface Window {
    client: Client<typeof book>;
  }
}

window.client = connect({ module: book });
