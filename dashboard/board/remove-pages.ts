import express, { Router } from 'express';
import type { RequestHandler, Response } from 'express';
import { z } from 'zod';
import { placeOf } from '../../src/jobs/queues.js';
import { countOf } from '../../src/producers/failures/change-failures.js';
import type { ChangedJob } from '../../src/producers/failures/change-record.js';
import { readWaiting, removeThoseWaiting, WAITING_STATES } from '../../src/producers/remove-waiting.js';
import type { WaitingState } from '../../src/producers/remove-waiting.js';
import { GIVES_BACK, inventoryExpire } from '../../src/operations/reservations.js';
import type { Store } from '../../src/layout/store.js';
import { html } from '../../src/web/html.js';
import type { Html } from '../../src/web/html.js';
import { requireOperator } from '../access/require-role.js';
import { signedInOf } from '../access/signed-in.js';
import type { ChangedJobs } from '../audit/changed-jobs.js';
import { changedWords, noteChanges } from '../audit/note-changes.js';
import { MasterUnreachableError } from '../master-unreachable.js';
import { sendPage } from '../page.js';
import { countWords } from '../words.js';
import { BOARD_PATH } from './board-name.js';
import type { ShownQueue, ShownQueues } from './shown-queues.js';

/** Where the board's buttons lead that remove what waits. */
export const REMOVE_WAITING_PATH = '/ops/remove-waiting';

interface RemovePagesDeps extends Pick<Store, 'redis' | 'logger'> {
  readonly queues: ShownQueues;
  readonly changedJobs: ChangedJobs;
}

const questionSchema = z.object({ queue: z.string().max(300), state: z.enum(WAITING_STATES) });
const formSchema = questionSchema.extend({ updates: z.string().max(20) });

const STATE_WORDS: Readonly<Record<WaitingState, string>> = {
  waiting: 'wait for a worker',
  prioritized: 'wait by their priority',
  delayed: 'wait for their time',
};

/** What waits in a queue in one way. */
interface Waiting {
  readonly shown: ShownQueue;
  readonly state: WaitingState;
  readonly jobs: readonly ChangedJob[];
}

/** The page that says how many updates would be removed, and of what, before they are. */
export function removePages(deps: RemovePagesDeps): Router {
  const router = Router({ caseSensitive: true });
  const form = express.urlencoded({ extended: false, limit: '4kb', parameterLimit: 10 });
  router.get(REMOVE_WAITING_PATH, async (request, response) => {
    requireOperator(response);
    answer(response, await find(deps, questionSchema.safeParse(request.query).data));
  });
  router.post(REMOVE_WAITING_PATH, form, removeFound(deps));
  return router;
}

function removeFound(deps: RemovePagesDeps): RequestHandler {
  return async (request, response) => {
    const asked = formSchema.safeParse(request.body).data;
    const found = await find(deps, asked);
    const updates = found === undefined ? 0 : updatesOf(found.jobs);
    if (found === undefined || asked?.updates.replaceAll(',', '').trim() !== String(updates)) {
      const counted = updates.toLocaleString('en');
      answer(response, found, `Nothing was removed: you typed "${asked?.updates ?? ''}", and they are ${counted}.`);
      return;
    }
    const { shown, state, jobs } = found;
    const which = ` from ${shown.boardName}, ${state}`;
    const removed = await noteChanges(deps, response, 'removed', which, (record) =>
      removeThoseWaiting(deps.redis, placeOf(shown.queue), state, jobs, record),
    );
    const words = changedWords(removed);
    const rest = updatesOf(jobs) - updatesOf(removed);
    const content = html`<p class="card" role="status">
        Removed ${words}.${rest > 0 && html` ${countWords(rest, 'other')} had begun meanwhile, and stayed.`}
      </p>
      <p><a href="${BOARD_PATH}/queue/${encodeURIComponent(shown.boardName)}">Back to the queue</a></p>`;
    sendPage(response, { title: 'Removed', user: signedInOf(response), content });
  };
}

/** @returns undefined when there is no such queue, or no such state of jobs */
async function find(
  { queues, redis }: RemovePagesDeps,
  asked: z.output<typeof questionSchema> | undefined,
): Promise<Waiting | undefined> {
  const shown = (await queues.look()).find(({ boardName }) => boardName === asked?.queue);
  if (shown === undefined || asked === undefined) {
    return undefined;
  }
  if (shown.fault !== undefined) {
    throw MasterUnreachableError.of(shown.boardName, shown.fault);
  }
  return { shown, state: asked.state, jobs: await readWaiting(redis, placeOf(shown.queue), asked.state) };
}

function answer(response: Response, found: Waiting | undefined, wrong?: string): void {
  const status = found === undefined ? 404 : wrong === undefined ? 200 : 409;
  const content = found === undefined ? html`<p class="card">There is no such queue.</p>` : contentOf(found, wrong);
  sendPage(response.status(status), { title: 'Remove what waits', user: signedInOf(response), content });
}

function contentOf(found: Waiting, wrong: string | undefined): Html {
  const { shown, state, jobs } = found;
  const { boardName } = shown;
  const back = html`<a href="${BOARD_PATH}/queue/${encodeURIComponent(boardName)}">Back to the queue</a>`;
  if (jobs.length === 0) {
    return html`<p class="card">${nothingWords(found)}. ${back}</p>`;
  }
  const updates = updatesOf(jobs);
  const operations = new Map<string, number>();
  for (const { operation, updates: its } of jobs) {
    operations.set(operation, (operations.get(operation) ?? 0) + its);
  }
  return html`<form class="card stack" method="post" action="${REMOVE_WAITING_PATH}">
    <p>
      <strong>${countWords(updates, 'update')}</strong> of ${boardName} ${STATE_WORDS[state]}, in
      ${countWords(jobs.length, 'job')}. They were accepted, and will never be applied when they are removed. Nothing
      can bring them back; the audit keeps the ids of their jobs for 90 days.
    </p>
    <ul>
      ${[...operations].map(
        ([operation, its]) => html`<li>${countWords(its, 'update')}: <span class="code">${operation}</span></li> `,
      )}
    </ul>
    ${wrong !== undefined && html`<p class="error" role="alert">${wrong}</p>`}
    <input type="hidden" name="queue" value="${boardName}" />
    <input type="hidden" name="state" value="${state}" />
    <label>
      Type how many updates they are
      <input name="updates" required inputmode="numeric" pattern="[0-9,]*" autocomplete="off" />
    </label>
    <div class="buttons"><button class="danger" type="submit">Remove them</button> ${back}</div>
  </form>`;
}

function nothingWords({ shown: { queue, boardName }, state }: Waiting): string {
  return queue.name === inventoryExpire.queue
    ? `Nothing that waits in ${boardName} can be removed: ${GIVES_BACK}`
    : `No updates of ${boardName} ${STATE_WORDS[state]}`;
}

function updatesOf(jobs: readonly ChangedJob[]): number {
  return countOf(jobs).updates;
}
