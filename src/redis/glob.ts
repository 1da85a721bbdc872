/** A text as it stands in a pattern of Redis', in which it means itself. */
export function escapeGlob(text: string): string {
  return text.replace(/[*?[\]\\]/g, '\\$&');
}

/**
 * A pattern of Redis' that all texts fit which a pattern of Tally's does, and perhaps more: its beginning. One of many `*` can keep older
 * versions of Redis busy for ever.
 */
export function globFor(pattern: string): string {
  const star = pattern.indexOf('*');
  return star === -1 ? escapeGlob(pattern) : `${escapeGlob(pattern.slice(0, star))}*`;
}
