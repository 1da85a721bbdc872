import type { Response } from 'express';

/** What someone may do: a viewer looks, an operator also retries, pauses and removes. */
export const ROLES = ['viewer', 'operator'] as const;

export type DashboardRole = (typeof ROLES)[number];

/** Who a request comes from. */
export interface SignedIn {
  readonly name: string;
  readonly role: DashboardRole;
  /** How that is known; `nobody-asked` while there are no users, and everyone on this machine is an operator. */
  readonly by: 'password' | 'proxy' | 'nobody-asked';
}

export function noteSignedIn({ locals }: Response, user: SignedIn): void {
  locals['signedIn'] = user;
}

/** Who a request comes from; undefined when that is not known, or not yet. */
export function signedInOf({ locals }: Response): SignedIn | undefined {
  return locals['signedIn'] as SignedIn | undefined;
}
