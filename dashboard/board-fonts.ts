import type { RequestHandler, Response } from 'express';

const OUTSIDE_FONTS = /<link href="https:\/\/fonts\.[^>]*>/g;

type Rendered = (error: Error | null, page: string) => void;

/**
 * Takes the link to Google's fonts out of the board's page, which has no option for it. The policy of the dashboard keeps
 * browsers from following it, but they complain in the console; without it, the fonts of the machine are used.
 */
export const leaveOutOutsideFonts: RequestHandler = (_request, response, next) => {
  const render = response.render.bind(response) as (view: string, params: object, done: Rendered) => void;
  response.render = ((view: string, params: object) => {
    render(view, params, (error, page) => {
      if (error === null) {
        response.send(page.replace(OUTSIDE_FONTS, ''));
      } else {
        next(error);
      }
    });
  }) as Response['render'];
  next();
};
