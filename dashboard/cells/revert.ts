import { Router } from 'express';
import { BackpressureError, TallyError } from '../../src/errors.js';
import { timeOfJobId } from '../../src/layout/new-job-id.js';
import { inverseOf } from '../../src/operations/inverse.js';
import type { Registry } from '../../src/operations/registry.js';
import type { FoundUpdate } from '../../src/producers/find-update.js';
import { NotRevertibleError } from '../../src/producers/not-revertible.js';
import { REVERTIBLE_MS } from '../../src/producers/revert.js';
import { html } from '../../src/web/html.js';
import type { Html } from '../../src/web/html.js';
import { signedInOf } from '../access/signed-in.js';
import { sendPage } from '../page.js';
import { findLink, revertPath } from './links.js';

/** Takes an update back by its inverse. @returns the inverse */
export type Revert = (id: string) => Promise<{ readonly id: string }>;

/** What the button does. Who may not press it is refused before it comes here. */
export function revertAction(revert: Revert): Router {
  const router = Router({ caseSensitive: true });
  router.post(revertPath(':id'), async (request, response) => {
    const { id } = request.params as { id: string };
    try {
      const inverse = await revert(id);
      response.redirect(303, findLink(inverse.id));
    } catch (error) {
      const status = statusOf(error);
      if (status === undefined) {
        throw error;
      }
      const content = html`<p class="card error">${(error as Error).message}.</p>
        <p><a href="${findLink(id)}">Back to the update</a></p>`;
      sendPage(response.status(status), { title: 'Not reverted', user: signedInOf(response), content });
    }
  });
  return router;
}

function statusOf(error: unknown): number | undefined {
  if (error instanceof NotRevertibleError) {
    return 409;
  }
  if (error instanceof BackpressureError) {
    return 503;
  }
  return error instanceof TallyError && error.code === 'UPDATE_NOT_FOUND' ? 404 : undefined;
}

/** The button of an update that can be reverted; none where it could not work. */
export function revertButton({ id, operation: name, params, outcome }: FoundUpdate, registry: Registry): Html | false {
  const operation = registry.find(name);
  if (operation === undefined || outcome?.status !== 'applied' || Date.now() - (timeOfJobId(id) ?? 0) > REVERTIBLE_MS) {
    return false;
  }
  if ('why' in inverseOf(operation, params, outcome.result, (of) => registry.find(of))) {
    return false;
  }
  return html`<form method="post" action="${revertPath(encodeURIComponent(id))}">
    <button type="submit" class="quiet">Revert: take back what it did</button>
  </form>`;
}
