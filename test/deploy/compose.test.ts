import { DCLinter } from 'dclint';
import { expect, test } from 'vitest';
import { documentsOf, pathOf, textOf } from './files.js';
import { expectGoodRedis } from './redis-command.js';
import { longestStopSeconds } from './stop-time.js';

const COMPOSE = 'deploy/docker/compose.yml';

/** The order of the file is that of the story: Redis, API, worker, dashboard. */
const RULES = { 'service-keys-order': 0, 'services-alphabetical-order': 0, 'top-level-properties-order': 0 } as const;

/** What is used of dclint, whose own types TypeScript does not find in an ES module. */
type Linter = new (config: { rules: typeof RULES; quiet: boolean; debug: boolean; exclude: string[] }) => {
  lintFiles(files: string[], recursive: boolean): { messages: { rule: string; message: string; line: number }[] }[];
};

interface Service {
  readonly image: string;
  readonly restart: string;
  readonly command: string[];
  readonly environment?: Record<string, string | number>;
  readonly ports?: string[];
  readonly user?: string;
  readonly healthcheck?: { readonly test: string[] };
  readonly depends_on?: Record<string, { readonly condition: string }>;
  readonly stop_grace_period?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: string[];
  readonly networks: string[];
  readonly mem_limit?: string;
  readonly logging: { readonly driver: string; readonly options: Readonly<Record<string, string>> };
}

const [compose] = documentsOf<{ services: Record<string, Service> }>(COMPOSE);
const { redis, ...others } = compose!.services;
const tally = Object.entries(others).filter(([, { image }]) => image.startsWith('tally:'));

test('the compose file keeps to the specification and to good practice', () => {
  const linter = new (DCLinter as unknown as Linter)({ rules: RULES, quiet: false, debug: false, exclude: [] });
  const [result] = linter.lintFiles([pathOf(COMPOSE)], false);
  expect(result?.messages.map(({ rule, message, line }) => `${line} ${rule}: ${message}`)).toEqual([]);
});

test('API, worker and dashboard stop in order, come back by themselves and wait for Redis', () => {
  expect(tally.map(([name, { command }]) => [name, command])).toEqual([
    ['api', ['api']],
    ['worker', ['worker']],
    ['dashboard', ['dashboard']],
  ]);
  for (const [name, service] of tally) {
    const environment = Object.fromEntries(
      Object.entries(service.environment ?? {}).map(([variable, value]) => [variable, written(value)]),
    );
    expect(seconds(service.stop_grace_period), name).toBeGreaterThan(longestStopSeconds(environment));
    expect(service.depends_on).toEqual({ redis: { condition: 'service_healthy' } });
    expect(service).toMatchObject({ restart: 'unless-stopped', read_only: true, cap_drop: ['ALL'] });
    expect(service.mem_limit).toBeDefined();
  }
});

test('nothing is open to other machines, and Redis to nobody but Tally', () => {
  const ports = Object.values(others).flatMap((service) => service.ports ?? []);
  expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
  expect(redis).not.toHaveProperty('ports');
  const beside = Object.entries(others).filter(([, { networks }]) => networks.includes('redis'));
  expect(beside).toEqual(tally);
});

test('behind a proxy, API and dashboard know the path and the callers', () => {
  for (const [name, { environment = {} }] of tally) {
    for (const variable of ['TALLY_DASHBOARD_PROXY_ADDRESSES', 'TALLY_BASE_PATH']) {
      expect(environment[variable], name).toBe(`\${${variable}:-}`);
    }
  }
});

test('logs are rotated, and hold a day at the rate that the documents reckon with, as do the settings for Kubernetes', () => {
  const reckoning = /(\d+) requests a second x 86,400 x (\d+) bytes = ([\d.]+) GB/;
  const operations = textOf('docs/operations.md');
  const [, perSecond, bytes, gigabytes] = (reckoning.exec(operations) ?? []).map(Number);
  const day = perSecond! * 86_400 * bytes!;
  expect(day / 1e9).toBeCloseTo(gigabytes!, 1);
  for (const [name, { logging }] of Object.entries(compose!.services)) {
    expect(logging.driver, name).toBe('local');
    const [, megabytes] = /^(\d+)m$/.exec(logging.options['max-size'] ?? '') ?? [];
    expect(Number(megabytes) * 1e6 * Number(logging.options['max-file']), name).toBeGreaterThan(day);
  }
  const [, mebibytes, files] = /containerLogMaxSize: (\d+)Mi` and `containerLogMaxFiles: (\d+)/.exec(operations) ?? [];
  expect(Number(mebibytes) * 2 ** 20 * Number(files)).toBeGreaterThan(day);
});

test('Redis starts with the append-only file, without eviction and behind its password, and not as root', async () => {
  expect(redis).toMatchObject({ user: '999:999', restart: 'unless-stopped', read_only: true, cap_drop: ['ALL'] });
  const command = redis!.command.map(forShell);
  await expectGoodRedis(command, forShell(redis!.healthcheck!.test[1]!));
});

/** As compose writes it: variables that are not set get their default, or one that must be set a value. */
function written(value: string | number): string {
  return String(value).replace(/\$\{(\w+):([-?])([^}]*)\}/g, (_match, _name, kind, text: string) =>
    kind === '-' ? text : 'secret',
  );
}

/** In a compose file `$$` stands for `$`. */
function forShell(text: string): string {
  return text.replaceAll('$$', '$');
}

function seconds(period = ''): number {
  const [, number] = /^(\d+)s$/.exec(period) ?? [];
  return Number(number);
}
