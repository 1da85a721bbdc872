import type { Metrics } from '../../src/index.js';
import { until } from './tally.js';

/** Scrapes until one has a line: on a busy machine a scrape may be over before all is read, and leaves out what it does not know. */
export async function scrapeWith(metrics: Metrics, line: string): Promise<string> {
  let text = '';
  await until(`a scrape has ${line}`, async () => {
    text = await metrics.text();
    return text.split('\n').includes(line);
  });
  return text;
}

/** A scrape that has read all of a Redis that is up. */
export function wholeScrape(metrics: Metrics): Promise<string> {
  return scrapeWith(metrics, 'tally_redis_up 1');
}
