import type { Response } from 'express';

/**
 * Has the name that someone tried to sign in with recorded. Only that of a user: what is typed into a wrong field may
 * be a password.
 */
export function noteTriedName({ locals }: Response, name: string | undefined): void {
  locals['triedName'] = name;
}

export function triedNameOf({ locals }: Response): string | undefined {
  return locals['triedName'] as string | undefined;
}
