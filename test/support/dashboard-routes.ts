import { appRoutes } from '@bull-board/api/dist/routes.js';

/** A route of Bull Board's, with the parts of its path filled in. */
export interface BoardRequest {
  readonly method: string;
  readonly path: string;
}

/** What stands in place of `:queueName` and the like. */
type Parts = Readonly<Record<string, string>>;

/** Every route of Bull Board's API, as the package has them: one that a later version adds is among them. */
export function boardRequests(parts: Parts): BoardRequest[] {
  return appRoutes.api.flatMap(({ method, route }) =>
    [method].flat().flatMap((verb) =>
      [route].flat().map((pattern) => ({
        method: verb.toUpperCase(),
        path: `/ops/queues${pattern.replace(/:(\w+)/g, (_, name: string) => partOf(parts, name, pattern))}`,
      })),
    ),
  );
}

function partOf(parts: Parts, name: string, pattern: string): string {
  const part = parts[name];
  if (part === undefined) {
    throw new Error(`${pattern} has a part that the test knows nothing of: ${name}`);
  }
  return encodeURIComponent(part);
}
