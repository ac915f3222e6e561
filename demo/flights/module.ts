/** The operations board: one table of flights, which the server's own loader fills and everybody may correct. */

import { SenderError, schema, t, table } from 'forerun';

const flight = table(
  {
    name: 'flight',
    public: true,
    // Holds all that the board's figures by hour need, so that they are read from the index alone.
    indexes: [{ accessor: 'byHour', algorithm: 'btree', columns: ['hour', 'delay'] }],
  },
  {
    id: t.u32().primaryKey(),
    /** Minutes; negative when early. */
    delay: t.i32().index(),
    /** Miles. */
    distance: t.u32(),
    /** Of departure: hours since midnight, with fractions. */
    time: t.f64(),
    /** The whole hours of `time`. */
    hour: t.u8(),
    note: t.string(),
  },
);

const flights = schema({ flight });
export default flights;

export const importFlights = flights.reducer({ predict: false }, { rows: t.array(flight.rowType) }, (ctx, { rows }) => {
  if (!ctx.senderAuth.isInternal) throw new SenderError('Only the database itself imports flights.');
  for (const row of rows) ctx.db.flight.insert(row);
});

/** `was` is the delay that the editor saw: of two who change it at once, the second is told. */
export const setDelay = flights.reducer({ id: t.u32(), was: t.i32(), delay: t.i32() }, (ctx, { id, was, delay }) => {
  const known = ctx.db.flight.id.find(id);
  if (!known) throw new SenderError('There is no such flight.');
  if (delay < -60 || delay > 1440) throw new SenderError(`A delay of ${delay} minutes is not plausible.`);
  if (known.delay !== was) throw new SenderError(`Someone else has just set it to ${known.delay} minutes.`);
  ctx.db.flight.id.update({ ...known, delay });
});

export const setNote = flights.reducer({ id: t.u32(), note: t.string() }, (ctx, { id, note }) => {
  const known = ctx.db.flight.id.find(id);
  if (!known) throw new SenderError('There is no such flight.');
  if (note.length > 80) throw new SenderError('A note has at most 80 letters.');
  ctx.db.flight.id.update({ ...known, note });
});
