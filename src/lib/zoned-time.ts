const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** There are some 600 zones, which may be written in small and large letters. */
const MAX_FORMATS = 1_000;

const formats = new Map<string, Intl.DateTimeFormat>();

/** Whether Node knows a time zone of this name, e.g. `Europe/Berlin`. */
export function isTimeZone(name: string): boolean {
  try {
    formatOf(name);
    return /^[A-Za-z]/.test(name); // not an offset, which some versions take, too
  } catch {
    return false;
  }
}

/** By how much the clocks of a zone are ahead of UTC at an instant, in ms. */
export function offsetAt(ms: number, timeZone: string): number {
  if (timeZone === 'UTC') {
    return 0;
  }
  const parts = Object.fromEntries(
    formatOf(timeZone)
      .formatToParts(ms)
      .map(({ type, value }) => [type, Number(value)]),
  ) as Record<'year' | 'month' | 'day' | 'hour' | 'minute' | 'second', number>;
  const { year, month, day, hour, minute, second } = parts;
  const wholeSeconds = Math.floor(ms / 1000) * 1000;
  return Date.UTC(year, month - 1, day, hour, minute, second) - wholeSeconds;
}

/**
 * The first instant at which the clocks of a zone show this time or, where they leave it out, a later one.
 *
 * @param localMs what they show, as ms since their 1970
 */
export function instantOf(localMs: number, timeZone: string): number {
  const offsets = [offsetAt(localMs - DAY_MS, timeZone), offsetAt(localMs + DAY_MS, timeZone)];
  const shown = offsets.map((offset) => localMs - offset).filter((ms) => ms + offsetAt(ms, timeZone) === localMs);
  if (shown.length > 0) {
    return Math.min(...shown);
  }
  const [before = 0, after = 0] = offsets;
  return changeBetween(localMs - Math.max(before, after), localMs - Math.min(before, after), timeZone);
}

/** The instant after `fromMs`, up to `toMs`, at which clocks are set to the offset that they have at `toMs`. */
export function changeBetween(fromMs: number, toMs: number, timeZone: string): number {
  const offset = offsetAt(toMs, timeZone);
  let [before, after] = [fromMs, toMs];
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (offsetAt(middle, timeZone) === offset) {
      after = middle;
    } else {
      before = middle;
    }
  }
  return after;
}

/** @throws RangeError when there is no such zone */
function formatOf(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      calendar: 'gregory',
      hourCycle: 'h23',
      ...{ year: 'numeric', month: 'numeric', day: 'numeric' },
      ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
    });
    if (formats.size >= MAX_FORMATS) {
      formats.clear();
    }
    formats.set(timeZone, format);
  }
  return format;
}
