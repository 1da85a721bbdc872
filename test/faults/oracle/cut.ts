import { nameOf, valueOf } from './evidence.js';
import type { Evidence } from './evidence.js';
import { TURN, witnessesOf } from '../cells.js';
import { cellsOf } from './changes.js';
import type { Submission } from '../journal.js';

/**
 * What is missing after the append-only file was cut is its end: of the updates that were told to be applied before,
 * those that Redis still has come before all that it has lost.
 *
 * @param before what the producers were told until then
 * @param after what Redis holds when it is back, before anything runs
 */
export function* missingIsSuffix(before: readonly Submission[], after: Evidence): Generator<string> {
  const lastTurn = valueOf(after, TURN);
  for (const { update, outcome } of before) {
    const turn = outcome?.status === 'applied' ? turnOf(update, outcome.result) : undefined;
    if (turn === undefined) {
      continue;
    }
    const isKept = valueOf(after, witnessesOf(update.id)[0]) === 1;
    if (isKept && turn > lastTurn) {
      yield `update ${update.id} had turn ${turn} and is there, but the turns end at ${lastTurn}: something before it is missing`;
    }
    if (!isKept && turn <= lastTurn) {
      yield `update ${update.id} had turn ${turn} and is missing, but turns up to ${lastTurn} are there: more than the end is missing`;
    }
  }
}

/** The turn at which a witnessed update was applied, from the outcome that its producer was told. */
function turnOf({ operation, params }: Submission['update'], result: unknown): number | undefined {
  const place = cellsOf(operation, params).findIndex((cell) => nameOf(cell) === nameOf(TURN));
  if (place === -1) {
    return undefined;
  }
  switch (operation) {
    case 'transaction':
      return (result as Results).results[place]?.value;
    case 'purse.pay':
      return (result as Payment).marks[place - 2]; // after the two cells that money moves between
    default:
      return (result as Scores).scores[place]?.value;
  }
}

interface Results {
  readonly results: readonly { readonly value?: number }[];
}

interface Scores {
  readonly scores: readonly { readonly value?: number }[];
}

interface Payment {
  readonly marks: readonly number[];
}
