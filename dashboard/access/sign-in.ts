import { SIGN_IN_PATH, SIGN_OUT_PATH, safeReturnPath } from './paths.js';
import type { SignedIn } from './signed-in.js';
import { html } from '../../src/web/html.js';
import type { Html } from '../../src/web/html.js';
import express, { Router } from 'express';
import type { Request, RequestHandler, Response } from 'express';
import { z } from 'zod';
import { noteAttemptedName } from '../audit/entry.js';
import { sendPage } from '../page.js';
import { WINDOW_MINUTES } from './attempts.js';
import type { AttemptLimits } from './attempts.js';
import { isPassword } from './password.js';
import type { Sessions } from './sessions.js';
import { noteSignedIn, signedInOf } from './signed-in.js';
import type { KnownUsers } from './user-store.js';

interface SignInForm {
  /** Where to go afterwards. */
  readonly to: string;
  readonly error?: string;
  /** Whether a link on another site led here: browsers send no cookie then, also when there is one. */
  readonly comesByLink?: boolean;
}

function signInForm({ to, error, comesByLink = false }: SignInForm): Html {
  return html`<form class="card narrow stack" method="post" action="${SIGN_IN_PATH}">
      ${error !== undefined && html`<p class="error" role="alert">${error}</p>`}
      <label>
        Name
        <input name="name" required maxlength="64" autocomplete="username" autocapitalize="none" spellcheck="false" />
      </label>
      <label>
        Password
        <input name="password" type="password" required maxlength="256" autocomplete="current-password" />
      </label>
      <button type="submit">Sign in</button>
      <input type="hidden" name="to" value="${to}" />
    </form>
    ${comesByLink && html`<p><a href="${to}">I have signed in already</a></p>`}`;
}

function signOutForm(user: SignedIn | undefined): Html {
  if (user?.by !== 'password') {
    return html`<p>Nobody has signed in here with a password.</p>`;
  }
  return html`<form class="card narrow stack" method="post" action="${SIGN_OUT_PATH}">
    <p>${user.name} is signed in, as ${user.role}.</p>
    <button type="submit">Sign out</button>
  </form>`;
}

interface SignInOptions {
  readonly users: KnownUsers;
  readonly sessions: Sessions;
  readonly limits: AttemptLimits;
}

const formSchema = z.object({ name: z.string(), password: z.string(), to: z.string().optional() });

/** The pages on which people sign in and out: all that there is for those who have not signed in. */
export function signInPages(deps: SignInOptions): Router {
  const router = Router({ caseSensitive: true });
  const form = express.urlencoded({ extended: false, limit: '4kb', parameterLimit: 10 });
  router.get(SIGN_IN_PATH, (request, response) => {
    const to = safeReturnPath(request.query['to']);
    if (signedInOf(response) !== undefined) {
      response.redirect(303, to);
      return;
    }
    const comesByLink = request.headers['sec-fetch-site'] === 'cross-site';
    sendPage(response, { title: 'Sign in', user: undefined, content: signInForm({ to, comesByLink }) });
  });
  router.post(SIGN_IN_PATH, form, ...deps.limits.handlers, signIn(deps));
  router.get(SIGN_OUT_PATH, (_request, response) => {
    const user = signedInOf(response);
    sendPage(response, { title: 'Sign out', user, content: signOutForm(user) });
  });
  router.post(SIGN_OUT_PATH, async (request, response) => {
    if (signedInOf(response)?.by === 'password') {
      await deps.sessions.end(request);
    }
    response.redirect(303, SIGN_IN_PATH);
  });
  return router;
}

/** The name that an attempt to sign in is for. */
export function nameOf(body: unknown): string {
  return formOf(body).name ?? '';
}

/** Answers an attempt after too many that failed. */
export const refuseAttempt: RequestHandler = (request, response) => {
  answerAttempt(
    request,
    response.status(429),
    `There were too many attempts to sign in: try again in ${WINDOW_MINUTES} minutes.`,
  );
};

function signIn({ users, sessions }: SignInOptions): RequestHandler {
  return async (request, response) => {
    const { name = '', password = '', to } = formOf(request.body);
    const user = await users.find(name);
    noteAttemptedName(response, user?.name);
    if (!(await isPassword(password, user?.password)) || user === undefined) {
      answerAttempt(request, response.status(401), 'The name or the password is not right.');
      return;
    }
    await sessions.begin(request, response, user);
    noteSignedIn(response, { name: user.name, role: user.role, by: 'password' });
    response.redirect(303, safeReturnPath(to));
  };
}

/** The sign-in page again, with what was wrong. */
function answerAttempt(request: Request, response: Response, error: string): void {
  const content = signInForm({ to: safeReturnPath(formOf(request.body).to), error });
  sendPage(response, { title: 'Sign in', user: undefined, content });
}

function formOf(body: unknown): Partial<z.output<typeof formSchema>> {
  return formSchema.safeParse(body).data ?? {};
}
