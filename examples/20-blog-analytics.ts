import type { Producer, Reader, Submission } from '../src/index.js';
import type { ExampleContext, Lesson } from './example.js';
import { runAlone } from './running.js';

const DAY_MS = 24 * 3_600_000;

/** The seed of a blog's statistics: views in all, and by day, each kept for 90 days. */
export class Views {
  constructor(
    private readonly producer: Pick<Producer, 'counters'>,
    private readonly reader: Pick<Reader, 'sum'>,
  ) {}

  /** Resolves once the view is on its way: no reader of a page has to wait for its outcomes. */
  count(page: string): Promise<Submission[]> {
    const { counters } = this.producer;
    return Promise.all([
      counters.increment({ key: `${page}:views` }),
      counters.increment({ key: `${page}:by`, bucket: 'day', keepBuckets: 90 }),
    ]);
  }

  /** The views of the last days, today's last. */
  async lastDays(page: string, days: number): Promise<number[]> {
    const now = Date.now();
    const question = { bucket: 'day', from: now - (days - 1) * DAY_MS, to: now } as const;
    const { series } = await this.reader.sum(`${page}:by`, question);
    return series.map(({ value }) => value ?? 0);
  }
}

/** Ten views of a post. */
export async function run({ producer, reader, redis, key }: ExampleContext): Promise<Lesson> {
  const views = new Views(producer, reader);
  const page = key('post:hello-world');
  const counted = await Promise.all(Array.from({ length: 10 }, () => views.count(page)));
  await Promise.all(counted.flat().map((submission) => submission.outcome())); // only since it reads them right away
  return {
    title: 'Statistics of a blog',
    steps: [
      { did: 'views by day', answer: (await views.lastDays(page, 3)).join(', ') },
      { did: 'GET post:hello-world:views', answer: await redis.get(`${page}:views`) },
    ],
  };
}

await runAlone(import.meta, run);
