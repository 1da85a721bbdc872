import { Router } from 'express';
import type { Request, RequestHandler } from 'express';
import { z } from 'zod';
import { numberIn } from '../lib/number-in.js';
import { inWords, inWordsOfQuery } from '../lib/schema-words.js';
import { pathText } from '../operations/update.js';
import { Problem, problemOfErrors } from './problems.js';
import type { ProblemCode, ProblemError } from './problems.js';
import { distinctIssues } from '../lib/distinct-issues.js';

/** A JSON Schema as it stands in the OpenAPI document. */
export type JsonSchema = Readonly<Record<string, unknown>>;

interface Parameter {
  readonly in: 'query' | 'path' | 'header';
  readonly name: string;
  readonly description: string;
  readonly schema: JsonSchema;
  readonly required?: true;
}

interface Answer {
  readonly description: string;
  /** @defaultValue it has no body */
  readonly schema?: z.ZodType;
  /** @defaultValue `application/json` */
  readonly mediaType?: string;
}

/** One method of one path: how it is answered, and how it is described in the OpenAPI document. */
export interface Endpoint {
  readonly method: 'get' | 'post' | 'put' | 'delete';
  /** As in OpenAPI: `/v1/updates/{id}`. */
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  /** The query, which the handler reads with {@link queryOf}; what is not in it is refused. @defaultValue none */
  readonly query?: z.ZodObject;
  /** Parameters in the path and headers. @defaultValue none */
  readonly parameters?: readonly Parameter[];
  /** The schema of the body for each media type. @defaultValue no body */
  readonly body?: Readonly<Record<string, JsonSchema>>;
  readonly answers: Readonly<Record<number, Answer>>;
  readonly problems: readonly ProblemCode[];
  readonly handlers: readonly RequestHandler[];
}

/** A router of these endpoints, on which every other method of their paths is refused. */
export function routerOf(endpoints: readonly Endpoint[]): Router {
  const router = Router({ caseSensitive: true, strict: true });
  for (const path of new Set(endpoints.map((endpoint) => endpoint.path))) {
    const route = router.route(path.replace(/\{(\w+)\}/g, ':$1'));
    const here = endpoints.filter((endpoint) => endpoint.path === path);
    for (const { method, query, handlers } of here) {
      route[method](...(query === undefined ? [refuseQuery] : []), ...handlers);
    }
    route.all(
      refuseMethod(here.map(({ method }) => (method === 'get' ? 'GET, HEAD' : method.toUpperCase())).join(', ')),
    );
  }
  return router;
}

/** The query of a request, checked by the schema of its endpoint. */
export function queryOf<Schema extends z.ZodObject>(schema: Schema, request: Request): z.output<Schema> {
  return checkQuestion(schema, request.query, inWordsOfQuery);
}

/** What a request asks for, in its query or in its body. @throws Problem `INVALID_QUERY` that names each place */
export function checkQuestion<Schema extends z.ZodObject>(
  schema: Schema,
  question: unknown,
  error = inWords,
): z.output<Schema> {
  const parsed = schema.safeParse(question, { error });
  if (parsed.success) {
    return parsed.data;
  }
  const errors = distinctIssues(parsed.error).flatMap(({ path, message, ...issue }) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((name) => ({ path: name, code: 'INVALID_QUERY', message: 'is not a parameter of this path' }))
      : [{ path: pathText(path), code: 'INVALID_QUERY', message }],
  );
  throw problemOfErrors('INVALID_QUERY', errors as [ProblemError, ...ProblemError[]]);
}

/** What a body says. @throws Problem with this code, which names each place */
export function checkBody<Schema extends z.ZodObject>(
  code: ProblemCode,
  schema: Schema,
  body: unknown,
): z.output<Schema> {
  const parsed = schema.safeParse(body, { error: inWords });
  if (parsed.success) {
    return parsed.data;
  }
  const errors = distinctIssues(parsed.error).map(({ path, message }) => ({ path: pathText(path), code, message }));
  throw problemOfErrors(code, errors as [ProblemError, ...ProblemError[]]);
}

/** A whole number, or a time, as a query writes it. */
export function wholeNumberText<Schema extends z.ZodType>(schema: Schema) {
  return z.preprocess((text: z.input<Schema>) => numberIn(text), schema);
}

/** Of what may be asked, what was. */
export function given<Options extends object>(
  options: Options,
): { [Name in keyof Options]?: NonNullable<Options[Name]> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Options;
}

const refuseQuery: RequestHandler = (request, _response, next) => {
  queryOf(z.strictObject({}), request);
  next();
};

function refuseMethod(allowed: string): RequestHandler {
  return ({ method }) => {
    throw new Problem('METHOD_NOT_ALLOWED', `${method} is not for this path: use ${allowed}`, {
      headers: { Allow: allowed },
    });
  };
}
