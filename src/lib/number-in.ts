/** The number that a text of digits is, as queries and command lines write one; anything else as it is, for its schema to judge. */
export function numberIn<Value>(value: Value): Value | number {
  return typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
}
