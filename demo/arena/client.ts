/** This page's client: started once, however often React renders. */

import { type Client, connect } from 'forerun/client';
import { user } from '../ui/embedding.ts';
import * as arena from './module.ts';

export const client: Client<typeof arena> = connect({ module: arena, database: 'arena', ...user });
