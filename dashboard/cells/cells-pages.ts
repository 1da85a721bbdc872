import { Router } from 'express';
import type { RequestHandler, Response } from 'express';
import { z } from 'zod';
import { signedInOf } from '../access/signed-in.js';
import type { Cell } from '../../src/redis/cell.js';
import { readReservations } from '../../src/readers/read-reservations.js';
import { html } from '../../src/web/html.js';
import type { Html } from '../../src/web/html.js';
import { askMasterOf, MasterUnreachableError } from '../master-unreachable.js';
import { sendPage } from '../page.js';
import type { Page } from '../page.js';
import { PAGE_ASSETS } from '../page-script.js';
import { chartAssets, CHART_ASSETS } from './chart.js';
import { boardNamesOf } from './board-names.js';
import { cellContent } from './cell-page.js';
import type { KnownOfCell } from './cell-page.js';
import { readCellQuestion } from './cell-question.js';
import { findContent } from './find-page.js';
import { findKeys } from './find-keys.js';
import { findUpdates } from './find-updates.js';
import type { FindDeps } from './find-updates.js';
import { cellForm, findForm } from './forms.js';
import type { FindFields } from './forms.js';
import { foundKeys } from './found-keys.js';
import { inspectCell } from './inspect-cell.js';
import { FIND_PATH, KEYS_PATH } from './links.js';
import { findWaiting, touches } from './waiting-jobs.js';

const field = z.string().max(1_000).default('');
const findSchema = z.object({ update: field, owner: field, key: field });

/** The pages on which one looks up a cell, or an update. */
export function keysPages(deps: FindDeps): Router {
  const { keys, masters, layouts, registry } = deps;
  const asksForKey = layouts.receipts.slotOfKey('') === undefined; // without it, nobody knows where to look
  const router = Router({ caseSensitive: true });
  router.get(KEYS_PATH, async (request, response) => {
    const { fields, question } = readCellQuestion(request.query, keys);
    const page = { title: 'Keys', user: signedInOf(response) };
    switch (question.is) {
      case 'empty': {
        const form = findForm(NO_FIELDS, asksForKey);
        sendPage(response, { ...page, content: html`<div class="stack">${cellForm(fields)} ${form}</div>` });
        return;
      }
      case 'refused': {
        const content = html`${cellForm(fields)}
          <p class="error">${question.reason}</p>`;
        sendPage(response.status(question.status), { ...page, content });
        return;
      }
      case 'pattern': {
        const found = await orWhyNot(findKeys(deps, question.pattern));
        if (found instanceof MasterUnreachableError) {
          sendUnreachable(response, found, page, cellForm(fields));
          return;
        }
        sendPage(response, {
          ...page,
          content: html`<div class="stack">${cellForm(fields)} ${foundKeys(found)}</div>`,
        });
        return;
      }
      case 'cell': {
        const { cell } = question;
        const known = await orWhyNot(askMasterOf(masters, cell.key, `"${cell.key}"`, () => readAll(deps, cell)));
        if (known instanceof MasterUnreachableError) {
          sendUnreachable(response, known, page, cellForm(fields));
          return;
        }
        const content = html`${cellForm(fields)} ${cellContent(known, registry)}`;
        const assets = assetsOf(known);
        sendPage(response, { ...page, content, ...(assets && { assets }) });
        return;
      }
    }
  });
  router.get(FIND_PATH, findPage(deps, asksForKey));
  router.use(chartAssets());
  return router;
}

function findPage(deps: FindDeps, asksForKey: boolean): RequestHandler {
  return async (request, response) => {
    const fields = findSchema.safeParse(request.query).data ?? NO_FIELDS;
    const form = findForm(fields, asksForKey);
    const page = { title: 'Find an update', user: signedInOf(response) };
    const found = fields.update === '' ? undefined : await orWhyNot(findUpdates(deps, fields));
    if (found instanceof MasterUnreachableError) {
      sendUnreachable(response, found, page, form);
      return;
    }
    const mayRevert = page.user?.role === 'operator';
    const content = html`<div class="stack">${form} ${found && findContent(found, deps.registry, mayRevert)}</div>`;
    sendPage(response, { ...page, content });
  };
}

const NO_FIELDS: FindFields = { update: '', owner: '', key: '' };

async function orWhyNot<T>(work: Promise<T>): Promise<T | MasterUnreachableError> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof MasterUnreachableError) {
      return error;
    }
    throw error;
  }
}

/** With the form, to look up what lies elsewhere. */
function sendUnreachable(
  response: Response,
  unreachable: MasterUnreachableError,
  page: Pick<Page, 'title' | 'user'>,
  form: Html,
): void {
  const content = html`${form}
    <p class="error">${unreachable.message}.</p>`;
  sendPage(response.status(unreachable.status), { ...page, content });
}

/** None for a page without times. */
function assetsOf({ inspected, reservations }: KnownOfCell): Page['assets'] {
  if (inspected.changes.length > 0) {
    return CHART_ASSETS;
  }
  return reservations.total > 0 ? PAGE_ASSETS : undefined;
}

/** All that is known of a cell. */
async function readAll(deps: FindDeps, cell: Cell): Promise<KnownOfCell> {
  const { redis, keys, registry, queues } = deps;
  const [inspected, reservations, waiting] = await Promise.all([
    inspectCell(deps, cell),
    readReservations(redis, keys, cell),
    queues.look().then((shown) => findWaiting(shown, touches(cell, registry))),
  ]);
  return { inspected, reservations, waiting, boardNames: await boardNamesOf(deps, inspected.changes) };
}
