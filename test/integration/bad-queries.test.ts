import { expect, test } from 'vitest';
import { startApi } from '../support/http-api.js';
import type { RunningApi, ShownProblem } from '../support/http-api.js';
import { keysLike, ownRedis, place } from '../support/tally.js';
import { faultOf } from '../support/words-of-faults.js';

interface Schema {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly default?: unknown;
  readonly maximum?: number;
  readonly maxLength?: number;
}

interface Parameter {
  readonly in: string;
  readonly name: string;
  readonly required?: boolean;
  readonly schema: Schema;
}

interface Endpoint {
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly Parameter[];
}

/** What a query needs besides the parameter that is bad. */
const GOOD: Readonly<Record<string, string>> = {
  key: 'k',
  operation: 'counter.increment',
  idempotencyKey: 'i',
  bucket: 'day',
  from: '2026-01-01',
  to: '2026-01-02',
};

/** Read before the rest of the query, or when the stream is opened; empty says nothing. */
const READ_ELSEWHERE = ['token', 'lastEventId'];

/** A body for those that want one, so that it is the query that is refused. */
const BODIES: Readonly<Record<string, string>> = {
  '/v1/updates': '{"operation":"counter.increment","params":{"key":"k"}}',
  '/v1/events': '{"specversion":"1.0","id":"1","source":"/s","type":"tally.counter.increment","data":{"key":"k"}}',
};

async function endpointsOf({ request }: RunningApi): Promise<Endpoint[]> {
  const { paths } = (await (await request('/openapi.json')).json()) as {
    paths: Record<string, Record<string, { parameters?: Parameter[] }>>;
  };
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { parameters = [] }]) => ({
      ...{ method, path: path.replace(/\{\w+\}/g, '01a00000-0000-7000-8000-000000000000.0') },
      parameters: parameters.filter((parameter) => parameter.in === 'query'),
    })),
  );
}

/** Texts that are no value of a parameter. */
function badValues({ name, schema }: Parameter): string[] {
  const { type, enum: words, maximum = NaN, maxLength } = schema;
  if (READ_ELSEWHERE.includes(name)) {
    return [];
  }
  if (type === 'integer') {
    return ['', 'x', '-1', '1.5', '1e3', ' 1', '0x10', '٣', '9'.repeat(30), String(maximum + 1)];
  }
  if (words !== undefined) {
    return ['', 'nope', words[0]!.toUpperCase(), ` ${words[0]}`];
  }
  const tooLong = maxLength === undefined ? [] : ['k'.repeat(maxLength + 1)];
  const notAny = { from: ['yesterday', '2026-02-30'], to: ['tomorrow'], timeZone: ['Mars/Base'], status: ['done'] }[
    name
  ];
  return ['', ...(notAny ?? []), ...tooLong];
}

/** Queries with one bad parameter each. */
function badQueriesOf({ parameters }: Endpoint): { name: string; query: URLSearchParams }[] {
  const needed = parameters
    .filter(({ required }) => required)
    .map(({ name }): [string, string] => [name, GOOD[name] ?? '']);
  const asked = (name: string, ...values: string[]) => {
    const query = new URLSearchParams(needed.filter(([other]) => other !== name));
    for (const value of values) {
      query.append(name, value);
    }
    return { name, query };
  };
  return [
    asked('nonsense', '1'),
    ...parameters.flatMap((parameter) => {
      const { name, schema, required } = parameter;
      const value = GOOD[name] ?? schema.enum?.[0] ?? '1';
      return [
        ...badValues(parameter).map((bad) => asked(name, bad)),
        schema.type === 'array' ? asked(name, ...Array<string>(101).fill(value)) : asked(name, value, value),
        ...(required === true ? [asked(name)] : []),
      ];
    }),
  ];
}

test('each parameter of each query is refused where it is wrong, given twice or missing, by its name and in words; nothing is written', async () => {
  const here = place((await ownRedis()).url);
  const api = await startApi(here);
  const faults: string[] = [];
  let queries = 0;
  for (const endpoint of await endpointsOf(api)) {
    for (const { name, query } of badQueriesOf(endpoint)) {
      const { method, path } = endpoint;
      const body = BODIES[path];
      const answer = await api.request(`${path}?${query.toString()}`, {
        method: method.toUpperCase(),
        ...(method === 'post' && body !== undefined && { body }),
        headers: { 'content-type': path === '/v1/events' ? 'application/cloudevents+json' : 'application/json' },
      });
      const { status, errors = [] } = JSON.parse((await answer.text()) || '{}') as Partial<ShownProblem>;
      const fault = faultOf(errors[0] ?? { path: '?', message: 'no error named' }, name);
      if (status !== 422 || fault !== undefined) {
        faults.push(`${method} ${path}?${query.toString().slice(0, 100)} -> ${answer.status} ${fault}`);
      }
      queries += 1;
    }
  }
  expect(faults).toEqual([]);
  expect(queries).toBeGreaterThan(200);
  expect(await keysLike(here, '*')).toEqual([]);
});

test('what has a default need not be given', async () => {
  const endpoints = await endpointsOf(await startApi(place()));
  const parameters = endpoints.flatMap((endpoint) => endpoint.parameters);
  expect(parameters.filter(({ schema }) => schema.default !== undefined).map(({ required }) => required)).toContain(
    false,
  );
  expect(parameters.filter(({ schema, required }) => schema.default !== undefined && required)).toEqual([]);
});
