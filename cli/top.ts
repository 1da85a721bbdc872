import { ConfigurationError } from '../src/errors.js';
import { numberIn } from '../src/lib/number-in.js';
import type { Leaderboard, RankedMember, RankOptions, TopOptions } from '../src/index.js';
import { describeCell } from '../src/redis/cell.js';
import { withReader } from './with-reader.js';

export interface TopFlags {
  readonly limit?: string;
  readonly offset?: string;
  readonly order?: string;
  readonly ranking?: string;
  readonly member?: string;
  readonly around?: string;
  readonly bucket?: string;
  readonly timeZone?: string;
  readonly at?: string;
  readonly json?: true;
}

/** `tally top`: prints the first members of a leaderboard, or where one of them stands. */
export async function top(key: string, { json, member, ...flags }: TopFlags): Promise<void> {
  const found = await withReader<Leaderboard | undefined>((reader) => {
    const { limit, offset, around, ...rules } = optionsOf(flags);
    if (member === undefined) {
      refuse('--around is for a member: name it with --member', around);
      return reader.top(key, { ...rules, ...limit, ...offset });
    }
    refuse('--limit and --offset are for pages; a member has --around', limit, offset);
    return reader.rank(key, member, { ...rules, ...around });
  });
  if (found === undefined) {
    console.error(`tally: ${describeCell({ key, member })} does not exist`);
    process.exitCode = 1;
  } else if (json) {
    console.log(JSON.stringify(found));
  } else {
    found.entries.forEach(print);
  }
}

function print({ rank, member, score }: RankedMember): void {
  console.log(`${rank} ${member} ${score}`);
}

/** As the reader takes them, which checks them: numbers where the text is one. */
function optionsOf({ limit, offset, around, order, ranking, bucket, timeZone, at }: Omit<TopFlags, 'json' | 'member'>) {
  const rules = {
    ...(order !== undefined && { order }),
    ...(ranking !== undefined && { ranking }),
    ...(bucket !== undefined && { bucket }),
    ...(timeZone !== undefined && { timeZone }),
    ...(at !== undefined && { at: numberIn(at) }),
  } as Omit<TopOptions, 'limit' | 'offset'>;
  return {
    ...rules,
    limit: numberOf<TopOptions>('limit', limit),
    offset: numberOf<TopOptions>('offset', offset),
    around: numberOf<RankOptions>('around', around),
  };
}

function numberOf<Options>(name: keyof Options, text: string | undefined): Options | undefined {
  return text === undefined ? undefined : ({ [name]: numberIn(text) } as Options);
}

function refuse(message: string, ...given: readonly (object | undefined)[]): void {
  if (given.some((option) => option !== undefined)) {
    throw new ConfigurationError(message);
  }
}
