/** This page's client: started once, however often React renders. */

import { type Client, connect } from 'forerun/client';
import { user } from '../ui/embedding.ts';
import * as pad from './module.ts';

export const client: Client<typeof pad> = connect({ module: pad, database: 'pad', ...user });
