import { ConfigurationError, TallyError } from '../src/errors.js';
import { openStore } from '../src/layout/store.js';
import { createRegistry } from '../src/operations/registry.js';
import type { Registry } from '../src/operations/registry.js';
import { isWanted, parseCrossing } from '../src/subscribers/filter.js';
import type { OutcomeFilter } from '../src/subscribers/filter.js';
import { STATUSES } from '../src/subscribers/event.js';
import type { OutcomeEvent, Status } from '../src/subscribers/event.js';
import { createOutcomeReader } from '../src/subscribers/outcome-reader.js';
import type { Gap } from '../src/subscribers/gap.js';
import type { Start } from '../src/subscribers/outcome-reader.js';
import { connectionOptions, createContext, findRedis } from './context.js';
import { timeIn } from './time-flag.js';

export interface FilterFlags {
  readonly operation?: readonly string[];
  readonly status?: readonly string[];
  readonly key?: readonly string[];
  readonly crosses?: string;
}

export interface OutcomesFlags extends FilterFlags {
  readonly from?: string;
  readonly json?: true;
}

const LOOK_EVERY_MS = 30_000;

/** `tally outcomes`: follows what becomes of updates until it is stopped. */
export async function followOutcomes(flags: OutcomesFlags): Promise<void> {
  const filter = filterOfFlags(flags);
  const start = startOf(flags.from);
  const context = createContext(process.stderr);
  const registry = createRegistry(context.operations);
  requireKnown(filter, registry);
  const { TALLY_NAMESPACE: namespace } = context.config;
  const store = openStore({ ...connectionOptions(context, findRedis(context)), connectionName: 'tally-outcomes' });
  const reader = createOutcomeReader({ store, registry, namespace });
  const stop = new AbortController();
  const end = () => {
    stop.abort();
    store.close(); // what waits for a Redis that is away
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, end);
  }
  process.stdout.once('error', end); // who read this, as in `tally outcomes | head`, is gone: Node has no SIGPIPE that ends it
  try {
    if (await reader.isEmpty()) {
      console.error('No outcome has been told so far: workers tell them with TALLY_OUTCOMES=true.');
    }
    let cursor = await reader.cursorAt(start);
    while (!stop.signal.aborted) {
      const page = await reader.read(cursor);
      if (page.gap !== undefined) {
        console.error(`tally: ${gapWords(page.gap)}`);
      }
      for (const { event } of page.events.filter((told) => isWanted(told.event, filter))) {
        console.log(flags.json ? JSON.stringify(event) : lineOf(event));
      }
      cursor = page.cursor;
      if (page.isLast) {
        await reader.untilMore(cursor, LOOK_EVERY_MS, stop.signal);
      }
    }
  } catch (error) {
    if (stop.signal.aborted) {
      return;
    }
    if (error instanceof TallyError && error.code === 'INVALID_CURSOR') {
      throw new ConfigurationError(`--from: ${error.message}`, { cause: error });
    }
    throw error;
  } finally {
    reader.close();
    store.close();
  }
}

/** Of a mistyped operation nothing would ever be told. @throws ConfigurationError */
function requireKnown({ operations = [] }: OutcomeFilter, registry: Registry): void {
  const unknown = operations.find((name) => registry.find(name) === undefined);
  if (unknown !== undefined) {
    throw new ConfigurationError(`--operation: ${registry.unknown(unknown)}; your own need --operations`);
  }
}

/** @throws ConfigurationError that names the flag */
export function filterOfFlags({ operation, status, key, crosses }: FilterFlags): OutcomeFilter {
  const unknown = status?.find((it) => !(STATUSES as readonly string[]).includes(it));
  if (unknown !== undefined) {
    throw new ConfigurationError(`--status must be one of ${STATUSES.join(', ')}, but is "${unknown}"`);
  }
  const crossing = crosses === undefined ? undefined : parseCrossing(crosses);
  if (crosses !== undefined && crossing === undefined) {
    throw new ConfigurationError(`--crosses must be like below:5 or above:100, but is "${crosses}"`);
  }
  return {
    ...(operation && { operations: operation }),
    ...(status && { statuses: status as Status[] }),
    ...(key && { keys: key }),
    ...(crossing && { crosses: crossing }),
  };
}

function startOf(from: string | undefined): Start {
  if (from === undefined || from === 'now' || from === 'beginning') {
    return from ?? 'now';
  }
  const sinceMs = timeIn('--from', from);
  return sinceMs === undefined ? { after: from } : { sinceMs };
}

function lineOf({ time, data }: OutcomeEvent): string {
  const cells = data.cells.map(({ key, field, member, before, after }) => {
    const name = [key, field, member].filter((part) => part !== undefined).join(' ');
    return before === undefined ? name : `${name} ${before ?? 'missing'} -> ${after ?? 'missing'}`;
  });
  const why = 'reason' in data ? `  ${data.reason}: ${data.message}` : '';
  return `${time}  ${data.operation} ${data.status}  ${cells.join(', ')}${why}  ${data.id}`;
}

function gapWords({ from, to, lost }: Gap): string {
  const howMany = lost === undefined ? 'some outcomes' : `${lost} outcomes`;
  return `${howMany} between ${from ?? 'the beginning'} and ${to ?? 'now'} are not kept any more`;
}
