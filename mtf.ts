import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
const JOBS = Number(process.argv[2] ?? 12000), ROUNDS = Number(process.argv[3] ?? 5);
const V: Record<string, { id: boolean; data: number; ret: number; optsBig: boolean }> = {
  plain: { id: false, data: 0, ret: 0, optsBig: false },
  ids: { id: true, data: 0, ret: 0, optsBig: false },
  data: { id: false, data: 100, ret: 0, optsBig: false },
  ret: { id: false, data: 0, ret: 100, optsBig: false },
  all: { id: true, data: 100, ret: 100, optsBig: false },
};
const port = 17000 + (process.pid % 2000);
const server = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--daemonize', 'no'], { stdio: 'ignore' });
await new Promise((r) => setTimeout(r, 700));
const cpu = () => { const f = readFileSync(`/proc/${server.pid}/stat`, 'utf8').split(') ')[1]!.split(' '); return (Number(f[11]) + Number(f[12])) * 10_000; };
const client = new Redis(port, '127.0.0.1', { maxRetriesPerRequest: null });
const res: Record<string, number[]> = {}; const slow: Record<string, number[]> = {};
for (let round = 0; round < ROUNDS; round++) for (const [name, v] of Object.entries(V)) {
  await client.flushall();
  const queue = new Queue('q', { connection: { port, host: '127.0.0.1' } });
  for (let i = 0; i < JOBS; i += 1000)
    await queue.addBulk(Array.from({ length: 1000 }, (_, n) => ({ name: 'i', data: { k: `key:${(i + n) % 100}`, p: 'x'.repeat(v.data) }, opts: { ...(v.id && { jobId: randomUUID() }) } })));
  await client.config('RESETSTAT');
  const before = cpu(); let done = 0;
  await new Promise<void>((resolve) => {
    const worker = new Worker('q', async () => (v.ret ? 'y'.repeat(v.ret) : null), { connection: { port, host: '127.0.0.1' }, concurrency: 100 });
    worker.on('completed', () => { if (++done === JOBS) void worker.close().then(resolve); });
  });
  (res[name] ??= []).push((cpu() - before) / JOBS);
  const s = await client.info('commandstats'); const m = /cmdstat_evalsha:calls=(\d+),usec=(\d+)/.exec(s)!;
  (slow[name] ??= []).push(Number(m[2]) / Number(m[1]));
  await queue.close();
}
for (const n of Object.keys(V)) { const med = (a: number[]) => a.toSorted((x, y) => x - y)[a.length >> 1]!.toFixed(1); console.log(n.padEnd(8), 'redis cpu us/job', med(res[n]!), ' evalsha usec/call', med(slow[n]!)); }
client.disconnect(); server.kill();
