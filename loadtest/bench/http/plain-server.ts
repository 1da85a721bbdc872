import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Queue } from 'bullmq';
import express from 'express';
import { z } from 'zod';
import { connectPlainly } from '../../plain-bullmq/connect-plainly.js';
import { openPlainQueue } from '../../plain-bullmq/queue.js';
import type { RoleTask, RunningRole } from '../roles.js';

const update = z.strictObject({
  operation: z.literal('counter.increment'),
  params: z.strictObject({ key: z.string().min(1).max(512), by: z.int().min(1).default(1) }),
});
const updates = z.array(update).min(1).max(1_000);

/** What Tally's API is compared with: Express, a zod schema and `queue.add`, as one would write it by hand. No logs. */
export async function runPlainHttpServer({ redisUrl }: RoleTask): Promise<RunningRole> {
  const connection = connectPlainly(redisUrl, { maxRetriesPerRequest: null });
  const queue = openPlainQueue(connection);
  await queue.waitUntilReady();
  const server = plainApp(queue).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    work: () => Promise.resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    close: async () => {
      server.close();
      server.closeAllConnections();
      await queue.close();
      connection.disconnect();
    },
  };
}

function plainApp(queue: Queue): express.Express {
  const app = express();
  app.use(express.json({ limit: '1mb' }));
  app.post('/v1/updates', async (request, response) => {
    const body: unknown = request.body;
    const parsed = Array.isArray(body) ? updates.safeParse(body) : update.safeParse(body);
    if (!parsed.success) {
      response.status(422).json({ errors: parsed.error.issues });
    } else if (Array.isArray(parsed.data)) {
      const jobs = await queue.addBulk(parsed.data.map(({ params }) => ({ name: 'increment', data: params })));
      response.status(202).json({ ids: jobs.map(({ id }) => id) });
    } else {
      const { id } = await queue.add('increment', parsed.data.params);
      response.status(202).json({ id });
    }
  });
  return app;
}
