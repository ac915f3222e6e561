/** This page's connection: it keeps a copy of the rows, and runs the reducers ahead of the server. */

import { connect } from 'forerun/client';
import * as list from './module.ts';

export const client = connect({ module: list });

/** What is still to be done comes first. `client.live` takes SQL text as well. */
export const items = client.tables.item.orderBy((item) => [item.done.asc(), item.id.asc()]);
