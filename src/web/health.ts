import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { Store } from '../layout/store.js';
import type { Connection } from '../redis/connection.js';
import { misdirectionOf } from '../redis/masters.js';
import { addressOf } from '../redis/node-name.js';
import { judgeServer, mergeFindings } from '../redis/requirements.js';
import { readServerFacts } from '../redis/server-facts.js';
import type { ServerFacts } from '../redis/server-facts.js';
import { isRefusalCode, REFUSALS, refusalOf } from '../redis/refusal.js';
import type { Refusal } from '../redis/refusal.js';
import { tryWrite } from '../redis/try-write.js';
import { withDeadline } from '../lib/timeouts.js';
import { refusalBehind } from '../redis/ask-redis.js';
import type { Endpoint } from './endpoint.js';
import { Problem } from './problems.js';
import type { ProblemError } from './problems.js';
import type { Drain } from './drain.js';

/** A probe that waits longer than this is as good as a failed one. */
const PROBE_TIMEOUT_MS = 2_000;

const healthAnswer = z.object({ status: z.literal('ok') });
const readyAnswer = z.object({ status: z.literal('ready') });

export interface HealthDeps extends Pick<Store, 'redis' | 'masters'> {
  /** First part of BullMQ's keys. */
  readonly prefix: string;
  readonly drain: Drain;
  readonly logger: Logger;
}

export function healthEndpoints(deps: HealthDeps): Endpoint[] {
  let warnedOf: string | undefined;
  return [
    {
      method: 'get',
      path: '/healthz',
      operationId: 'checkHealth',
      summary: 'Whether the process runs.',
      description: 'Asks nobody else: a server whose Redis is unreachable need not be started again.',
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
        'Redis takes a write, runs a script and may not evict keys, and this server is not stopping. In a Cluster one master that does ' +
        'is enough, since updates of what lies there can be taken; none that answers may evict keys.',
      answers: { 200: { description: 'They can.', schema: readyAnswer } },
      problems: ['INVALID_QUERY', 'NOT_READY'],
      handlers: [
        async (_request, response) => {
          const { errors, redisCode, cause } = await faultsOf(deps);
          const kind = redisCode ?? errors[0]?.code;
          if (cause !== undefined && kind !== warnedOf) {
            deps.logger.warn({ redisCode }, `not ready: ${cause}`); // once of each kind, as probes come every few seconds
          }
          warnedOf = kind;
          if (errors.length > 0) {
            throw new Problem('NOT_READY', errors.map(({ message }) => message).join('; '), { errors, redisCode });
          }
          response.json({ status: 'ready' });
        },
      ],
    },
  ];
}

interface Faults {
  readonly errors: readonly ProblemError[];
  /** What Redis refused with, where it did. */
  readonly redisCode?: string | undefined;
  /** The same for the log, with addresses: the answer goes to anybody, and does not tell who Redis is. */
  readonly cause?: string | undefined;
}

async function faultsOf({ redis, masters, prefix, drain }: HealthDeps): Promise<Faults> {
  if (drain.begun) {
    return { errors: [{ path: '', code: 'STOPPING', message: 'this server is stopping' }] };
  }
  const misdirection = misdirectionOf(redis);
  if (misdirection !== undefined) {
    return { errors: [{ path: 'mode', code: 'REDIS_SETTINGS', message: misdirection }], cause: misdirection };
  }
  if (redis.isCluster && redis.status !== 'ready') {
    return away('the Cluster does not answer, or does not serve all slots', redis);
  }
  const { answering, faults } = await masters.look();
  const asked = await Promise.all(answering.map((master) => askMaster(redis, master, prefix)));
  const settings = settingsFaults(redis, asked);
  const refused = asked.find(({ refusal }) => refusal !== undefined);
  if (settings.errors.length > 0) {
    return { ...settings, redisCode: refused?.refusal?.code };
  }
  if (asked.some((answer) => answer.facts !== undefined && answer.refusal === undefined)) {
    return { errors: [] };
  }
  const refusal = refused?.refusal ?? refusalOf(redis.down);
  return refusal === undefined ? away('Redis does not answer', redis, faults) : refusedWith(refusal, redis);
}

function away(words: string, { lastError, address }: Connection, faults: readonly string[] = []): Faults {
  const code = codeOf(lastError);
  const message = code === undefined ? words : `${words} (${code})`;
  const cause = faults.join('; ') || `${address}: ${lastError?.message ?? words}`;
  return { errors: [{ path: '', code: 'REDIS_AWAY', message }], cause };
}

/** Redis' own code, or one of Node such as ECONNREFUSED: it names nobody, unlike the words. */
function codeOf(error: Error | undefined): string | undefined {
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: unknown };
  const own = typeof code === 'string' && /^[A-Z][A-Z0-9_]+$/.test(code) ? code : undefined;
  return refusalOf(error)?.code ?? own ?? (cause instanceof Error ? codeOf(cause) : undefined);
}

function refusedWith({ code, message }: Refusal, { address }: Connection): Faults {
  const why = isRefusalCode(code) ? `: ${REFUSALS[code]}` : '';
  const error = { path: '', code: 'REDIS_REFUSED', message: `Redis refuses (${code})${why}` };
  return { errors: [error], redisCode: code, cause: `${address}: ${message}` };
}

/** What keeps Tally from using servers that answer, whether they take writes or not. */
function settingsFaults(redis: Connection, asked: readonly Answer[]): Faults {
  const found = asked.flatMap(({ master, facts }) => {
    const findings = facts === undefined ? [] : judgeServer(facts, { isCluster: redis.isCluster });
    return facts === undefined ? [] : [[addressOf(master), findings.filter(({ level }) => level === 'error')] as const];
  });
  const errors = found.flatMap(([, findings]) =>
    findings.map(({ subject, message }) => [message, { path: subject, code: 'REDIS_SETTINGS', message }] as const),
  );
  const named = mergeFindings(new Map(found)).map(({ message }) => message);
  return { errors: [...new Map(errors).values()], cause: named.join('; ') };
}

interface Answer {
  readonly master: Redis;
  /** Undefined when it did not answer in time. */
  readonly facts?: ServerFacts;
  /** What it refuses a write with, or all. */
  readonly refusal?: Refusal | undefined;
}

async function askMaster(redis: Connection, master: Redis, prefix: string): Promise<Answer> {
  try {
    const writing = tryWrite(redis, master, prefix);
    const asking = Promise.all([readServerFacts(master), master.eval('return 1', 0), writing]);
    const [facts, , refusal] = await withDeadline(asking, PROBE_TIMEOUT_MS);
    return { master, facts, refusal };
  } catch (error) {
    return { master, refusal: refusalBehind(error as Error, redis) };
  }
}
