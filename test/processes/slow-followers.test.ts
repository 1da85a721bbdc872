import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { start } from '../support/command.js';
import { followAt } from '../support/event-source.js';
import { skipUnlessOneServer } from '../support/skip-unless-one-server.js';
import { place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

const SLOW_CLIENTS = 40;
const JOBS = 320;
const UPDATES_A_JOB = 256;
const UPDATES = JOBS * UPDATES_A_JOB;

/** Of what a slow client takes of the process, beside what the system keeps for its connection. */
const MIB_A_CLIENT = 5;

/** For the one reader that all share, and for garbage. */
const MIB_FOR_ALL = 100;

/** `tally api` in a process of its own. */
async function startApi({ redis, namespace, prefix }: Place): Promise<{ port: number; pid: number }> {
  const api = start(['api'], {
    REDIS_URL: redis,
    TALLY_NAMESPACE: namespace,
    TALLY_PREFIX: prefix,
    TALLY_OUTCOMES: 'true',
    PORT: '0',
  });
  onTestFinished(async () => {
    api.child.kill('SIGKILL');
    await api.ended;
  });
  const port = () => Number(/http:\/\/[^/]*:(\d+)\/v1/.exec(api.output.stdout)?.[1]);
  await until('the API is up', () => port() > 0);
  return { port: port(), pid: api.child.pid! };
}

function mibOf(pid: number, what: 'VmRSS' | 'VmHWM'): number {
  const [, kib] = new RegExp(`^${what}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) / 1024;
}

/** The connections that a server on this port has and has not ended, as Linux knows them: 01 is ESTABLISHED, 08 CLOSE_WAIT. */
function connectionsAt(port: number): number {
  const own = new RegExp(`^ *\\d+: [0-9A-F]+:${port.toString(16).toUpperCase().padStart(4, '0')} \\S+ 0[18] `);
  return ['tcp', 'tcp6']
    .flatMap((family) => readFileSync(`/proc/net/${family}`, 'utf8').split('\n'))
    .filter((line) => own.test(line)).length;
}

/** A client that follows from a cursor on, and reads nothing until it is told to. */
function followWithoutReading(port: number, cursor: string): Socket {
  const socket = connect(port, '127.0.0.1').pause();
  socket.write(`GET /v1/outcomes HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: ${cursor}\r\n\r\n`);
  onTestFinished(() => {
    socket.destroy();
  });
  return socket;
}

/** What it was sent until the server dropped it: the ids of whole events, and the last cursor among them, as a browser keeps it. */
async function readToEnd(socket: Socket): Promise<{ ids: string[]; lastId: string }> {
  const pieces: Buffer[] = [];
  await new Promise<void>((resolve) => {
    socket.on('data', (piece: Buffer) => pieces.push(piece));
    socket
      .on('error', () => undefined)
      .on('close', () => {
        resolve();
      });
    socket.resume();
  });
  const blocks = bodyOf(Buffer.concat(pieces)).split('\n\n').slice(0, -1);
  const field = (block: string, name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
  const ids = blocks.flatMap((block) => {
    const data = field(block, 'data');
    return data === undefined ? [] : [(JSON.parse(data) as { id: string }).id];
  });
  return { ids, lastId: field(blocks.at(-1) ?? '', 'id') ?? '' };
}

/** The chunks of an answer that may break off anywhere. */
function bodyOf(answer: Buffer): string {
  const body: Buffer[] = [];
  let at = answer.indexOf('\r\n\r\n') + 4;
  for (;;) {
    const end = answer.indexOf('\r\n', at);
    const length = parseInt(answer.subarray(at, end).toString(), 16);
    if (end === -1 || !(length > 0)) {
      return Buffer.concat(body).toString();
    }
    body.push(answer.subarray(end + 2, end + 2 + length));
    at = end + 2 + length + 2;
  }
}

test('clients that do not read are dropped, cost the process little memory, hold up nobody, and go on where they were', async () => {
  skipUnlessOneServer('memory is that of one server');
  const here = place();
  await here.worker({ outcomes: true });
  const { port, pid } = await startApi(here);
  const url = `http://127.0.0.1:${port}/v1/outcomes`;
  const quick = await followAt(url);
  await until('it has a cursor', () => quick.lastId() !== '');
  const cursor = quick.lastId();
  const slow = Array.from({ length: SLOW_CLIENTS }, () => followWithoutReading(port, cursor));
  await until('all are connected', () => connectionsAt(port) === 1 + SLOW_CLIENTS);
  const mibBefore = mibOf(pid, 'VmRSS');

  const producer = here.producer();
  const job = Array.from(
    { length: UPDATES_A_JOB },
    (_, n) => ({ operation: 'counter.increment', params: { key: here.key(`n${n}`) } }) as const,
  );
  for (let jobs = 0; jobs < JOBS; jobs += 1) {
    const submissions = await producer.submit(job);
    await submissions.at(-1)?.outcome({ timeoutMs: 60_000 });
  }
  await quick.until('who reads is told all of it meanwhile', () => quick.heard.length >= UPDATES);
  expect(quick.isOver()).toBe(false);
  await until('those who do not read are dropped', () => connectionsAt(port) === 1, 90_000);
  expect((mibOf(pid, 'VmHWM') - mibBefore - MIB_FOR_ALL) / SLOW_CLIENTS).toBeLessThan(MIB_A_CLIENT);

  const all = quick.outcomes().map(({ id }) => id);
  expect(new Set(all).size).toBe(UPDATES);
  const parts = await Promise.all(slow.slice(0, 3).map(readToEnd));
  for (const { ids, lastId } of parts) {
    expect(ids.length).toBeLessThan(UPDATES);
    const again = await followAt(url, { 'last-event-id': lastId });
    await again.until('it has caught up', () => ids.length + again.heard.length >= UPDATES);
    expect([...ids, ...again.outcomes().map(({ id }) => id)]).toEqual(all);
    again.leave();
  }
});
