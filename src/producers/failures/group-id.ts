import type { FailedJob } from './failed-job.js';

/** How much of a key is told apart, the most first: all; parts without a digit; the first part; nothing. */
const LEVELS: readonly ((key: string) => string)[] = [
  (key) => key,
  (key) => replaceParts(key, (part) => /\d/.test(part)),
  (key) => replaceParts(key, (_, place) => place > 0),
  () => '*',
];

/** More patterns than this of one reason and operation are no help: then less of a key is told apart. A single key is told whole. */
const MOST_PATTERNS = [1, 20, 20, Infinity];

/** Parts of a key, with what stands between them: those of `{shop}:stock:17` are its three words. */
const PART = /[^:/|{}]+/g;

function replaceParts(key: string, isVariable: (part: string, place: number) => boolean): string {
  let place = 0;
  const replaced = key.replace(PART, (part) => (isVariable(part, place++) ? '*' : part));
  return replaced.replace(/\*(?:[:/|{}]\*)+$/, '*');
}

/** What groups and filters go by. */
export type Grouped = Pick<FailedJob, 'state' | 'status' | 'reason' | 'operation' | 'keys'>;

/** A group that a job may be in. */
interface PossibleGroup {
  /** Names the group, and no other: a job has it or has not, whatever else has failed. */
  readonly id: string;
  /** In which `*` stands for any text: `stock:17` and `stock:18` are `stock:*`. Undefined where the key can't be told. */
  readonly keyPattern: string | undefined;
  /** More groups than this of its level are no help. */
  readonly most: number;
}

/** What all groups of a job have in common. */
export function kindOf({ state, status, reason, operation }: Grouped): string {
  return `${state} ${status} ${reason} ${operation}`;
}

/** The groups that a job may be in, by its first key, the narrowest first. */
export function possibleGroups(job: Grouped): PossibleGroup[] {
  const [key] = job.keys;
  return LEVELS.map((patternOf, level) => {
    const keyPattern = key === undefined ? undefined : patternOf(key);
    return { id: `${kindOf(job)} ${level} ${keyPattern ?? ''}`, keyPattern, most: MOST_PATTERNS[level] ?? Infinity };
  });
}
