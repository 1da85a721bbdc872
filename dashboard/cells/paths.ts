export const KEYS_PATH = '/ops/keys';
export const FIND_PATH = '/ops/find';

/** The page that finds an update, with links to its cells. */
export function findLink(updateId: string): string {
  return `${FIND_PATH}?${new URLSearchParams({ update: updateId }).toString()}`;
}

/** Where scripts and styles of the chart are served. */
export const ASSETS_PATH = '/ops/assets';
