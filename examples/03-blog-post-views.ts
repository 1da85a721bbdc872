import type { ExampleContext, Lesson } from './example.js';
import { runAlone } from './running.js';

/** `field` beside the key makes the counter a field of a hash: here the views of one post. */
export async function run({ producer, redis, key }: ExampleContext): Promise<Lesson> {
  const post = key('post:hello-world');

  const viewed = await producer.counters.increment({ key: post, field: 'views', by: 10 });
  const outcome = await viewed.outcome();

  return {
    title: 'Add 10 views to a blog post',
    steps: [
      { did: 'counter.increment post:hello-world field views by 10', answer: outcome },
      { did: 'HGET post:hello-world views', answer: await redis.hget(post, 'views') },
    ],
  };
}

await runAlone(import.meta, run);
