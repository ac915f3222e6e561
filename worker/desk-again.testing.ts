/** The desk with other code for one of its reducers: what a developer saves. */

import { SenderError, t } from 'forerun';
import desk from './desk.testing.ts';

export {
  default,
  drop,
  dropOrRefuse,
  fill,
  forget,
  hide,
  put,
  refuse,
  rewrite,
  stamp,
  summarise,
  tally,
  touch,
  wait,
  whoami,
  write,
} from './desk.testing.ts';

export const bump = desk.reducer({ id: t.u32() }, (ctx, { id }) => {
  const row = ctx.db.item.id.find(id);
  if (row === null) throw new SenderError('no such item');
  ctx.db.item.id.update({ ...row, count: row.count + 10 });
});
