import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { Store } from '../layout/store.js';
import type { Connection } from '../redis/connection.js';
import { addressOf, misdirectionOf } from '../redis/masters.js';
import { judgeServer, mergeFindings } from '../redis/requirements.js';
import { readServerFacts } from '../redis/server-facts.js';
import type { ServerFacts } from '../redis/server-facts.js';
import { withDeadline } from '../producers/ask-redis.js';
import type { Endpoint } from './endpoint.js';
import { Problem } from './problems.js';
import type { ProblemError } from './problems.js';
import type { Drain } from './drain.js';

/** A probe that waits longer than this is as good as a failed one. */
const PROBE_TIMEOUT_MS = 2_000;

const healthAnswer = z.object({ status: z.literal('ok') });
const readyAnswer = z.object({ status: z.literal('ready') });

export interface HealthDeps extends Pick<Store, 'redis' | 'masters'> {
  readonly drain: Drain;
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
      description:
        'Redis runs a script and may not evict keys, and this server is not stopping. In a Cluster one master that answers ' +
        'is enough, since updates of what lies there can be taken; none that answers may evict keys.',
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

async function faultsOf({ redis, masters, drain }: HealthDeps): Promise<ProblemError[]> {
  if (drain.begun) {
    return [{ path: '', code: 'STOPPING', message: 'this server is stopping' }];
  }
  const misdirection = misdirectionOf(redis);
  if (misdirection !== undefined) {
    return [{ path: 'mode', code: 'REDIS_SETTINGS', message: misdirection }];
  }
  if (redis.isCluster && redis.status !== 'ready') {
    return [{ path: '', code: 'REDIS_AWAY', message: 'the Cluster does not answer, or does not serve all slots' }];
  }
  const { answering, faults } = await masters.look();
  const asked = await Promise.all(answering.map(async (master) => ({ master, facts: await askMaster(master) })));
  const reached = asked.flatMap(({ master, facts }) => (facts === undefined ? [] : { master, facts }));
  if (reached.length === 0) {
    return [{ path: '', code: 'REDIS_AWAY', message: faults.join('; ') || silenceOf(redis) }];
  }
  const findings = reached.map(
    ({ master, facts }) => [addressOf(master), judgeServer(facts, { isCluster: redis.isCluster })] as const,
  );
  return mergeFindings(new Map(findings))
    .filter(({ level }) => level === 'error')
    .map(({ subject, message }) => ({ path: subject, code: 'REDIS_SETTINGS', message }));
}

function silenceOf({ lastError }: Connection): string {
  return lastError === undefined ? 'Redis does not answer' : `Redis does not answer (${lastError.message})`;
}

/** Undefined when it does not answer in time. */
async function askMaster(master: Redis): Promise<ServerFacts | undefined> {
  try {
    const asking = Promise.all([readServerFacts(master), master.eval('return 1', 0)]);
    const [facts] = await withDeadline(asking, PROBE_TIMEOUT_MS);
    return facts;
  } catch {
    return undefined;
  }
}
