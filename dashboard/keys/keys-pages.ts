import { Router } from 'express';
import { z } from 'zod';
import { signedInOf } from '../access/signed-in.js';
import { html } from '../../src/html.js';
import { sendPage } from '../pages/page.js';
import { assets, CHART_ASSETS } from './assets.js';
import { cellContent } from './cell-page.js';
import { readCellQuestion } from './cell-question.js';
import { findContent } from './find-page.js';
import { findUpdates } from './find-updates.js';
import type { FindDeps } from './find-updates.js';
import { cellForm, findForm } from './forms.js';
import { inspectCell } from './inspect-cell.js';
import { FIND_PATH, KEYS_PATH } from './paths.js';
import { findWaiting, touches } from './waiting-jobs.js';

const findSchema = z.object({ update: z.string().max(1_000) });

/** The pages on which one looks up a cell, or an update. */
export function keysPages(deps: FindDeps): Router {
  const { redis, keys, registry, queues } = deps;
  const router = Router({ caseSensitive: true });
  router.get(KEYS_PATH, async (request, response) => {
    const { fields, question } = readCellQuestion(request.query, keys);
    const page = { title: 'Keys', user: signedInOf(response) };
    switch (question.is) {
      case 'empty':
        sendPage(response, { ...page, content: html`<div class="stack">${cellForm(fields)} ${findForm('')}</div>` });
        return;
      case 'refused': {
        const content = html`${cellForm(fields)}
          <p class="error">${question.reason}</p>`;
        sendPage(response.status(question.status), { ...page, content });
        return;
      }
      case 'cell': {
        const [inspected, waiting] = await Promise.all([
          inspectCell(redis, keys, question.cell),
          findWaiting(queues, touches(question.cell, registry)),
        ]);
        const content = html`${cellForm(fields)} ${cellContent(inspected, waiting, registry)}`;
        sendPage(response, { ...page, content, ...(inspected.changes.length > 0 && { assets: CHART_ASSETS }) });
        return;
      }
    }
  });
  router.get(FIND_PATH, async (request, response) => {
    const { update = '' } = findSchema.safeParse(request.query).data ?? {};
    const found = update === '' ? undefined : await findUpdates(deps, update);
    sendPage(response, {
      title: 'Find an update',
      user: signedInOf(response),
      content: findContent(update, found, registry),
    });
  });
  router.use(assets());
  return router;
}
