/**
 * A value written out in full, for comparison: kinds, classes, order of fields, -0 and all. (Vitest's equality takes a
 * field called `constructor` for the class, and ignores the order of fields.)
 */
export function rendered(value: unknown): string {
  if (typeof value !== 'object' || value === null) {
    return typeof value === 'string'
      ? JSON.stringify(value)
      : `${typeof value} ${Object.is(value, -0) ? '-0' : String(value)}`;
  }
  if (Array.isArray(value)) return `[${Array.from(value, rendered).join(', ')}]`;
  const fields = Object.entries(value).map(([name, field]) => `${JSON.stringify(name)}: ${rendered(field)}`);
  const prototype: unknown = Object.getPrototypeOf(value);
  const className = prototype === Object.prototype ? '' : `${prototype === null ? 'null' : value.constructor.name} `;
  return `${className}{${fields.join(', ')}}`;
}

/** The plain objects and arrays in a value, itself included. */
export function changeable(value: unknown): object[] {
  if (typeof value !== 'object' || value === null) return [];
  if (value instanceof Uint8Array) return [value];
  const plain = Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
  return plain ? [value, ...Object.values(value).flatMap(changeable)] : [];
}
