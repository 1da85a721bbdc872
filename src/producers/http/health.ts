import { z } from 'zod';
import type { Connection } from '../../redis/connection.js';
import { judgeServer, readServerFacts } from '../../redis/requirements.js';
import { withDeadline } from '../ask-redis.js';
import type { Endpoint } from './endpoint.js';
import { Problem } from './problems.js';
import type { ProblemError } from './problems.js';
import type { Stopping } from './stopping.js';

/** A probe that waits longer than this is as good as a failed one. */
const PROBE_TIMEOUT_MS = 2_000;

const healthAnswer = z.object({ status: z.literal('ok') });
const readyAnswer = z.object({ status: z.literal('ready') });

interface HealthDeps {
  readonly redis: Connection;
  readonly stopping: Stopping;
}

export function healthEndpoints(deps: HealthDeps): Endpoint[] {
  return [
    {
      method: 'get',
      path: '/healthz',
      operationId: 'checkHealth',
      summary: 'Whether the process runs.',
      description: 'Asks nobody else: a server whose Redis is away need not be started again.',
      answers: { 200: { description: 'It runs.', schema: healthAnswer } },
      problems: ['INVALID_QUERY'],
      handlers: [
        (_request, response) => {
          response.json({ status: 'ok' });
        },
      ],
    },
    {
      method: 'get',
      path: '/readyz',
      operationId: 'checkReadiness',
      summary: 'Whether updates can be taken.',
      description: 'Redis runs a script and may not evict keys, and this server is not stopping.',
      answers: { 200: { description: 'They can.', schema: readyAnswer } },
      problems: ['INVALID_QUERY', 'NOT_READY'],
      handlers: [
        async (_request, response) => {
          const errors = await faultsOf(deps);
          if (errors.length > 0) {
            throw new Problem('NOT_READY', errors.map(({ message }) => message).join('; '), { errors });
          }
          response.json({ status: 'ready' });
        },
      ],
    },
  ];
}

async function faultsOf({ redis, stopping }: HealthDeps): Promise<ProblemError[]> {
  if (stopping.begun) {
    return [{ path: '', code: 'STOPPING', message: 'this server is stopping' }];
  }
  try {
    const [facts] = await withDeadline(
      Promise.all([readServerFacts(redis), redis.eval('return 1', 0)]),
      PROBE_TIMEOUT_MS,
    );
    return judgeServer(facts)
      .filter(({ level }) => level === 'error')
      .map(({ subject, message }) => ({ path: subject, code: 'REDIS_SETTINGS', message }));
  } catch {
    return [{ path: '', code: 'REDIS_AWAY', message: 'Redis does not answer' }];
  }
}
