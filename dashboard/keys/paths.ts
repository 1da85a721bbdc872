export const KEYS_PATH = '/ops/keys';
export const FIND_PATH = '/ops/find';

/** Where scripts and styles of the chart are served. */
export const ASSETS_PATH = '/ops/assets';
