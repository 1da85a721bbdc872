import type { Response } from 'express';

/**
 * Has the name that someone tried to sign in with recorded. Only that of a user: what is typed into a wrong field may
 * be a password.
 */
export function noteAttemptedName({ locals }: Response, name: string | undefined): void {
  locals['triedName'] = name;
}

export function attemptedNameOf({ locals }: Response): string | undefined {
  return locals['triedName'] as string | undefined;
}
