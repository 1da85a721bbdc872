import { SIGN_IN_PATH, SIGN_OUT_PATH } from './paths.js';
import type { SignedIn } from './signed-in.js';
import { html } from '../../src/web/html.js';
import type { Html } from '../../src/web/html.js';

interface SignInForm {
  /** Where to go afterwards. */
  readonly to: string;
  readonly error?: string;
  /** Whether a link on another site led here: browsers send no cookie then, also when there is one. */
  readonly comesByLink?: boolean;
}

export function signInForm({ to, error, comesByLink = false }: SignInForm): Html {
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

export function signOutForm(user: SignedIn | undefined): Html {
  if (user?.by !== 'password') {
    return html`<p>Nobody has signed in here with a password.</p>`;
  }
  return html`<form class="card narrow stack" method="post" action="${SIGN_OUT_PATH}">
    <p>${user.name} is signed in, as ${user.role}.</p>
    <button type="submit">Sign out</button>
  </form>`;
}
