import { fileURLToPath } from 'node:url';

/**
 * What starts `tally`, before its arguments. As it is built, which starts in a third of the time that its sources take; each
 * run of tests builds it anew when they have changed, see `build.ts`.
 */
export const TALLY: readonly [string, string] = [
  process.execPath,
  fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url)),
];
