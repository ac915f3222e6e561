/** This page's client: started once, however often React renders. */

import { type Client, connect } from 'forerun/client';
import { user } from '../ui/embedding.ts';
import * as flights from './module.ts';

export const client: Client<typeof flights> = connect({ module: flights, database: 'flights', ...user });
