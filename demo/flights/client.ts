/** This page's client: started once, however often React renders. */

import { type Client, connect } from 'forerun/client';
import * as flights from './module.ts';

export const client: Client<typeof flights> = connect({ module: flights, database: 'flights' });
