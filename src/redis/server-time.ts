/** Redis' answer to TIME: seconds, and microseconds of the next one. */
type TimeReply = readonly (number | string)[];

/** Redis' answer to TIME, in ms with their fraction. */
export function toExactMs([seconds, microseconds]: TimeReply): number {
  return Number(seconds) * 1000 + Number(microseconds) / 1000;
}

/** Redis' answer to TIME, in whole ms. */
export function toMs(reply: TimeReply): number {
  return Math.floor(toExactMs(reply));
}
