/** This page's client: started once, however often React renders. */

import { type Client, connect } from 'forerun/client';
import { CallQueue } from '../ui/call-queue.ts';
import { user } from '../ui/embedding.ts';
import * as flights from './module.ts';

export const client: Client<typeof flights> = connect({ module: flights, database: 'flights', ...user });
export const queue: CallQueue = new CallQueue(client);
