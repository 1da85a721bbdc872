import { Router } from 'express';
import { z } from 'zod';
import { signedInOf } from '../access/signed-in.js';
import type { Partitions } from '../../src/jobs/partitions.js';
import type { Cell } from '../../src/operations/cell.js';
import { html } from '../../src/html.js';
import { sendPage } from '../pages/page.js';
import { assets, CHART_ASSETS } from './assets.js';
import { boardNamesOf } from './board-names.js';
import { cellContent } from './cell-page.js';
import type { KnownOfCell } from './cell-page.js';
import { readCellQuestion } from './cell-question.js';
import { findContent } from './find-page.js';
import { findUpdates } from './find-updates.js';
import type { FindDeps } from './find-updates.js';
import { cellForm, findForm } from './forms.js';
import type { FindFields } from './forms.js';
import { inspectCell } from './inspect-cell.js';
import { FIND_PATH, KEYS_PATH } from './paths.js';
import { findWaiting, touches } from './waiting-jobs.js';

const findSchema = z.object({ update: z.string().max(1_000).default(''), key: z.string().max(1_000).default('') });

/** The pages on which one looks up a cell, or an update. */
export function keysPages(deps: FindDeps): Router {
  const { keys, registry, used } = deps;
  const router = Router({ caseSensitive: true });
  router.get(KEYS_PATH, async (request, response) => {
    const { fields, question } = readCellQuestion(request.query, keys);
    const page = { title: 'Keys', user: signedInOf(response) };
    switch (question.is) {
      case 'empty': {
        const form = findForm(NO_FIELDS, isSplit(await used.read()));
        sendPage(response, { ...page, content: html`<div class="stack">${cellForm(fields)} ${form}</div>` });
        return;
      }
      case 'refused': {
        const content = html`${cellForm(fields)}
          <p class="error">${question.reason}</p>`;
        sendPage(response.status(question.status), { ...page, content });
        return;
      }
      case 'cell': {
        const known = await readAll(deps, question.cell);
        const content = html`${cellForm(fields)} ${cellContent(known, registry)}`;
        const hasChart = known.inspected.changes.length > 0;
        sendPage(response, { ...page, content, ...(hasChart && { assets: CHART_ASSETS }) });
        return;
      }
    }
  });
  router.get(FIND_PATH, async (request, response) => {
    const fields = findSchema.safeParse(request.query).data ?? NO_FIELDS;
    const form = findForm(fields, isSplit(await used.read()));
    const found = fields.update === '' ? undefined : await findUpdates(deps, fields);
    sendPage(response, {
      title: 'Find an update',
      user: signedInOf(response),
      content: html`<div class="stack">${form} ${found && findContent(found, registry)}</div>`,
    });
  });
  router.use(assets());
  return router;
}

const NO_FIELDS: FindFields = { update: '', key: '' };

function isSplit(ways: readonly Partitions[]): boolean {
  return ways.some(({ count }) => count !== undefined);
}

/** All that is known of a cell. */
async function readAll(deps: FindDeps, cell: Cell): Promise<KnownOfCell> {
  const { redis, keys, registry, queues, used } = deps;
  const [inspected, waiting] = await Promise.all([
    used.read().then((ways) => inspectCell(redis, keys, cell, ways)),
    queues.look().then((shown) => findWaiting(shown, touches(cell, registry))),
  ]);
  return { inspected, waiting, boardNames: await boardNamesOf(deps, inspected.changes) };
}
