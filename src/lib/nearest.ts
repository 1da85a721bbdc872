import leven from 'leven';

/** Nobody mistypes a word this long, and comparing takes time with the square of its length. */
const LONGEST_WORD = 100;

/** The candidate nearest to a mistyped word, if any is near enough to be meant. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  if (word.length > LONGEST_WORD) {
    return undefined;
  }
  const ranked = candidates
    .map((candidate) => ({ candidate, distance: leven(word.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const [best] = ranked;
  return best && best.distance <= Math.max(2, word.length / 3) ? best.candidate : undefined;
}
