/** This page's client: started once, however often React renders. */

import { type Client, connect } from 'forerun/client';
import { CallQueue } from '../ui/call-queue.ts';
import { user } from '../ui/embedding.ts';
import * as chat from './module.ts';

export const client: Client<typeof chat> = connect({ module: chat, database: 'chat', ...user });
export const queue: CallQueue = new CallQueue(client);
