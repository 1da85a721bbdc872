import type { RequestHandler } from 'express';

/** Where the icon of Tally is served, for the pages and the board. */
export const ICON_PATH = '/ops/icon.svg';

/** Five tally marks, in the colour of the board's buttons. */
const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" stroke="#14937f" stroke-width="3" stroke-linecap="round">
  <path d="M6 6v20M12 6v20M18 6v20M24 6v20M3 22 27 10" />
</svg>
`;

/** Serves the icon, also to those who have not signed in. */
export const sendIcon: RequestHandler = (_request, response) => {
  response.set('Cache-Control', 'public, max-age=3600').type('svg').send(ICON);
};
