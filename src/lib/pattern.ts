/**
 * Whether a text fits a pattern as a whole. `*` stands for any text, also for none; every other character stands for
 * itself. Not a regular expression, so no pattern is slow.
 */
export function matchesPattern(pattern: string, text: string): boolean {
  let from = pattern.indexOf('*');
  if (from === -1) {
    return text === pattern;
  }
  if (!text.startsWith(pattern.slice(0, from))) {
    return false;
  }
  let position = from;
  for (let next = pattern.indexOf('*', from + 1); next !== -1; next = pattern.indexOf('*', from + 1)) {
    const part = pattern.slice(from + 1, next);
    const found = text.indexOf(part, position);
    if (found === -1) {
      return false;
    }
    position = found + part.length;
    from = next;
  }
  const end = pattern.slice(from + 1);
  return text.length - end.length >= position && text.endsWith(end);
}
