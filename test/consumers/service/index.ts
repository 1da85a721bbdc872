import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { cellObject, defineOperation, wholeNumber } from 'tally';
import { createDashboard } from 'tally/dashboard';
import { ApiServer, createApi } from 'tally/http';
import { startTally } from 'tally/testing';

// Made by one package, used by the other.
const energySpend = defineOperation({
  name: 'energy.spend',
  params: cellObject({ amount: wholeNumber({ min: 1 }) }),
  cells: (params) => [params],
  args: ({ amount }) => [amount],
  lua: 'return function(cells, args) local left = cells[1] - args[1] return { left }, { left } end',
  result: ([energy = 0]) => ({ energy }),
});

const operations = [energySpend];
const tally = await startTally({ operations });
const { redis } = tally;
const app = express();

const api = createApi({ redis, operations });
const dashboard = createDashboard({ redis, operations });
app.use('/tools/tally', dashboard.app); // /tools/tally/ops
app.use(api.app); // /v1, /docs, /openapi.json

const server = new ApiServer(app).listen(0, '127.0.0.1');
await once(server, 'listening');
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

const answer = await fetch(`${origin}/v1/updates?wait=20000`, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ operation: 'energy.spend', params: { key: 'bo', amount: 7 } }),
});
const text = await answer.text();
const page = await fetch(`${origin}/tools/tally/ops/keys?key=bo`);
const shown = await page.text();
if (!text.includes('"energy":-7') || !shown.includes('href="/tools/tally/ops/queues"')) {
  throw new Error(text + shown);
}
server.closeAllConnections();
server.close();
await api.close();
await dashboard.close();
await tally.stop();
