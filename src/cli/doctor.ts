import { connectPromptly, describeTarget } from '../redis/connection.js';
import { createRegistry } from '../operations/registry.js';
import { judgeServer, readServerFacts } from '../redis/requirements.js';
import type { Finding } from '../redis/requirements.js';
import { applyScript, ScriptRunner, settleScript } from '../redis/scripts.js';
import { createContext, findRedis } from './context.js';

const TIMEOUT_MS = 5_000;
const CLOCK_WARNING_MS = 1_000;
const SIGNS: Readonly<Record<Finding['level'], string>> = { ok: 'ok  ', warning: 'WARN', error: 'FAIL' };

/** `tally doctor`: says what it found of the Redis it is pointed at, and what to change. */
export async function doctor(): Promise<void> {
  const context = createContext(process.stderr);
  const url = findRedis(context);
  const redis = connectPromptly(url, 'tally-doctor', TIMEOUT_MS, context.logger);
  try {
    const facts = await readServerFacts(redis);
    const findings = [
      { level: 'ok', subject: 'connection', message: describeTarget(url) },
      ...judgeServer(facts),
      { level: 'ok', subject: 'memory', message: describeMemory(facts) },
      await judgeScripts(redis),
      await judgeClock(redis),
    ] as const;
    for (const { level, subject, message } of findings) {
      console.log(`${SIGNS[level]}  ${subject.padEnd(18)}${message}`);
    }
    process.exitCode = findings.some(({ level }) => level === 'error') ? 1 : 0;
  } finally {
    redis.disconnect();
  }
}

function describeMemory({
  usedMemoryBytes,
  maxmemoryBytes,
}: {
  usedMemoryBytes: number;
  maxmemoryBytes: number;
}): string {
  const used = `${(usedMemoryBytes / 1024 ** 2).toFixed(1)} MiB used`;
  return maxmemoryBytes === 0 ? `${used}, no limit` : `${used} of ${(maxmemoryBytes / 1024 ** 2).toFixed(1)} MiB`;
}

async function judgeScripts(redis: Parameters<typeof readServerFacts>[0]): Promise<Finding> {
  try {
    await new ScriptRunner(redis, [applyScript(createRegistry()), settleScript()]).load();
    return { level: 'ok', subject: 'scripts', message: 'loaded' };
  } catch (error) {
    return { level: 'error', subject: 'scripts', message: (error as Error).message };
  }
}

/** Leases are reckoned in Redis' time, so a clock that is off does no harm; it only makes logs hard to compare. */
async function judgeClock(redis: Parameters<typeof readServerFacts>[0]): Promise<Finding> {
  const before = Date.now();
  const [seconds, microseconds] = await redis.time();
  const offsetMs = Math.round(Number(seconds) * 1000 + Number(microseconds) / 1000 - (before + Date.now()) / 2);
  return {
    level: Math.abs(offsetMs) > CLOCK_WARNING_MS ? 'warning' : 'ok',
    subject: 'clock',
    message: `Redis is ${Math.abs(offsetMs)} ms ${offsetMs < 0 ? 'behind' : 'ahead of'} this machine`,
  };
}
