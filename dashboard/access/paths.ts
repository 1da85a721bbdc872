export const SIGN_IN_PATH = '/ops/sign-in';
export const SIGN_OUT_PATH = '/ops/sign-out';

/** Only compared with, never asked for. */
const HERE = 'http://tally.invalid';

/** Where someone goes after signing in: back to a page of the dashboard, and never to another site. */
export function safeReturnPath(to: unknown): string {
  if (typeof to === 'string' && URL.canParse(to, HERE)) {
    const { origin, pathname, search } = new URL(to, HERE);
    if (origin === HERE && (pathname === '/ops' || pathname.startsWith('/ops/'))) {
      return pathname + search;
    }
  }
  return '/ops';
}
