/**
 * Whether a text fits a pattern as a whole. `*` stands for any text, also for none; every other character stands for
 * itself. Not a regular expression, so no pattern is slow.
 */
export function matchesPattern(pattern: string, text: string): boolean {
  const [start = '', ...parts] = pattern.split('*');
  const end = parts.pop();
  if (end === undefined) {
    return text === pattern;
  }
  if (!text.startsWith(start)) {
    return false;
  }
  let position = start.length;
  for (const part of parts) {
    const found = text.indexOf(part, position);
    if (found === -1) {
      return false;
    }
    position = found + part.length;
  }
  return text.length - end.length >= position && text.endsWith(end);
}
