/** More patterns than this of one reason and operation are no help: then less of a key is told apart. */
const MOST_PATTERNS = 20;

/** How much of a key is told apart: parts without a digit; the first part; nothing. */
const LEVELS: readonly ((key: string) => string)[] = [
  (key) => replaceParts(key, (part) => /\d/.test(part)),
  (key) => replaceParts(key, (_, place) => place > 0),
  () => '*',
];

/** Parts of a key, with what stands between them: those of `{shop}:stock:17` are its three words. */
const PART = /[^:/|{}]+/g;

function replaceParts(key: string, isVariable: (part: string, place: number) => boolean): string {
  let place = 0;
  const replaced = key.replace(PART, (part) => (isVariable(part, place++) ? '*' : part));
  return replaced.replace(/\*(?:[:/|{}]\*)+$/, '*');
}

/**
 * Finds patterns for keys, in which `*` stands for any text, so that there are few of them: `stock:17` and `stock:18` are
 * `stock:*`. A key fits the pattern that it is given, and may fit others.
 *
 * @returns the pattern of each of these keys
 */
export function patternsOf(keys: Iterable<string>): (key: string) => string {
  const distinct = new Set(keys);
  const level = LEVELS.find((patternOf) => new Set([...distinct].map(patternOf)).size <= MOST_PATTERNS) ?? (() => '*');
  return distinct.size === 1 ? (key) => key : level;
}
