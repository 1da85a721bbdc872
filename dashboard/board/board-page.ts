import type { RequestHandler, Response } from 'express';
import { UNREACHABLE_STYLE } from './unreachable.js';

const OUTSIDE_FONTS = /<link href="https:\/\/fonts\.[^>]*>/g;

type Rendered = (error: Error | null, page: string) => void;

/**
 * Changes in the board's page what it has no option for. It takes out the link to Google's fonts: the policy of the
 * dashboard keeps browsers from following it, but they complain in the console; without it, the fonts of the machine are
 * used. And it adds a style for queues whose master does not answer.
 */
export const changeBoardPage: RequestHandler = (_request, response, next) => {
  const render = response.render.bind(response) as (view: string, params: object, done: Rendered) => void;
  response.render = ((view: string, params: object) => {
    render(view, params, (error, page) => {
      if (error === null) {
        response.send(page.replace(OUTSIDE_FONTS, '').replace('</head>', `<style>${UNREACHABLE_STYLE}</style></head>`));
      } else {
        next(error);
      }
    });
  }) as Response['render'];
  next();
};
