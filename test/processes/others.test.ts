import { inject, test } from 'vitest';
import { expectNothingLeft, hasTerminals, run, ways } from '../support/running.js';
import { place } from '../support/tally.js';

const COMMANDS = [
  { command: 'worker', until: /worker ready/ },
  { command: 'api', until: /API {8}http/ },
  { command: 'dashboard', until: /dashboard {2}http/ },
  { command: 'load --self --target http --rate 50 --duration 5m', until: /tally {2}[\d,]+\/s/ },
] as const;

const ENDS = [
  { what: 'kill -9 of npm', way: 'npm', signal: 'SIGKILL' },
  { what: 'SIGHUP', way: 'alone', signal: 'SIGHUP' },
  { what: 'a closed terminal', way: 'terminal', signal: 'SIGKILL' },
] as const;

const CASES = COMMANDS.flatMap(({ command, until }) => ENDS.map((end) => ({ command, until, ...end })));

test.each(CASES.filter(({ way }) => hasTerminals || way !== 'terminal'))(
  '$what: within 5 s nothing is left of tally $command',
  async ({ command, until, way, signal }) => {
    const here = place();
    const running = await run(ways[way](command), {
      until,
      environment: {
        REDIS_URL: inject('redisUrl'),
        TALLY_NAMESPACE: here.namespace,
        TALLY_PREFIX: here.prefix,
        PORT: '0',
      },
    });
    const ports = [.../http:\/\/127\.0\.0\.1:(\d+)/g[Symbol.matchAll](running.output())].map(([, port]) =>
      Number(port),
    );
    const children = running.children();
    process.kill(running.pid, signal);
    await expectNothingLeft([running.pid, running.tallyPid, ...children], ports, running);
  },
);
