import express, { Router } from 'express';
import type { RequestHandler } from 'express';
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { encodeOrder, ORDERS, workerFactsOf } from '../../src/metrics/pulse-form.js';
import { readProcesses } from '../../src/metrics/processes.js';
import { toMs } from '../../src/redis/server-time.js';
import { html } from '../../src/web/html.js';
import { signedInOf } from '../access/signed-in.js';
import { noteDetail } from '../audit/entry.js';
import { sendPage } from '../page.js';
import { PAGE_ASSETS } from '../page-script.js';
import { OVERVIEW_PART_PATH, OVERVIEW_PATH, WORKER_ORDER_PATH } from './links.js';
import { overviewContent } from './overview-content.js';
import { OverviewReader } from './read-overview.js';
import type { OverviewSource } from './read-overview.js';

const EVERY_MS = 5_000;

/** The page that says whether Tally is healthy, and what it fetches to stay up to date. */
export function overviewPages(source: OverviewSource): Router {
  const router = Router({ caseSensitive: true });
  const reader = new OverviewReader(source);
  const form = express.urlencoded({ extended: false, limit: '4kb', parameterLimit: 5 });
  router.get(OVERVIEW_PATH, async (_request, response) => {
    const user = signedInOf(response);
    const content = html`<p id="stale" class="error" role="alert" hidden>
        These numbers are old: the dashboard does not answer, or you have to sign in again.
      </p>
      <div data-live="${OVERVIEW_PART_PATH}" data-every-ms="${EVERY_MS}">
        ${overviewContent(await reader.read(), user?.role === 'operator')}
      </div>`;
    sendPage(response, { title: 'Overview', user, content, assets: PAGE_ASSETS });
  });
  router.get(OVERVIEW_PART_PATH, async (_request, response) => {
    const isOperator = signedInOf(response)?.role === 'operator';
    response.type('html').send(overviewContent(await reader.read(), isOperator).toString());
  });
  router.post(WORKER_ORDER_PATH, form, orderWorker(source));
  return router;
}

const orderSchema = z.object({ process: z.string().max(300), order: z.enum(ORDERS) });

/** Tells a worker something, which it hears within 5 s. */
function orderWorker({ redis, keys }: OverviewSource): RequestHandler {
  return async (request, response) => {
    const asked = orderSchema.safeParse(request.body).data;
    const processes = await readProcesses(redis, keys, toMs(await redis.time()));
    const found = processes.find(
      (each) => `${each.host}:${each.pid}:${each.role}` === asked?.process && workerFactsOf(each) !== undefined,
    );
    if (found === undefined || asked === undefined) {
      const content = html`<p class="card">There is no such worker. <a href="${OVERVIEW_PATH}">Back</a></p>`;
      sendPage(response.status(404), { title: 'Workers', user: signedInOf(response), content });
      return;
    }
    await redis.hset(keys.workerOrders, asked.process, encodeOrder(asked.order, randomBytes(6).toString('hex')));
    noteDetail(response, { detail: `${asked.order} ${asked.process}` });
    response.redirect(303, OVERVIEW_PATH);
  };
}
