/** Where a column's builder keeps what it says: apart, since a page reads columns and builds none. */

/** Registered, so that builders of two copies of this package recognise each other. */
export const columnKey: unique symbol = Symbol.for('forerun.column');
