import type { RequestHandler, Response } from 'express';
import { BOARD_SCRIPT_PATH, BOARD_STYLE } from './board-script.js';
import { UNREACHABLE_STYLE } from './unreachable.js';

const OUTSIDE_FONTS = /<link href="https:\/\/fonts\.[^>]*>/g;

const ADDED = `<style>${UNREACHABLE_STYLE}${BOARD_STYLE}</style><script defer src="${BOARD_SCRIPT_PATH}"></script>`;

type Rendered = (error: Error | null, page: string) => void;

/**
 * Changes in the board's page what it has no option for. It takes out the link to Google's fonts: the policy of the
 * dashboard keeps browsers from following it, but they complain in the console; without it, the fonts of the machine are
 * used. And it adds a style for queues whose master does not answer, and what `board-script.ts` holds.
 */
export const changeBoardPage: RequestHandler = (_request, response, next) => {
  const render = response.render.bind(response) as (view: string, params: object, done: Rendered) => void;
  response.render = ((view: string, params: object) => {
    render(view, params, (error, page) => {
      if (error === null) {
        response.send(page.replace(OUTSIDE_FONTS, '').replace('</head>', `${ADDED}</head>`));
      } else {
        next(error);
      }
    });
  }) as Response['render'];
  next();
};
