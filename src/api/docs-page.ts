import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import express, { Router } from 'express';

const require = createRequire(import.meta.url);

/** Its folder only: to import Swagger UI would run all of it, made for browsers, at every start. */
const SWAGGER_UI = dirname(require.resolve('swagger-ui-dist/package.json'));

/** Instead of the initializer that comes with Swagger UI: our document, and no validator outside. */
const INITIALIZER = `window.ui = SwaggerUIBundle({
  url: '../openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
});
`;

/** All of it lies below. */
export const DOCS_PATH = '/docs/';

/** Swagger UI over the OpenAPI document, at `/docs/`. All of it is served from here. */
export function docsPage(): Router {
  const router = Router();
  router.get('/docs/swagger-initializer.js', (_request, response) => {
    response.type('text/javascript').send(INITIALIZER);
  });
  router.use('/docs', express.static(SWAGGER_UI, { maxAge: '1h' }));
  return router;
}
