import type { z } from 'zod';

/** What is wrong, each once: a value that fails several checks of a schema may get the same words from each of them. */
export function distinctIssues({ issues }: z.ZodError): z.core.$ZodIssue[] {
  return [...new Map(issues.map((issue) => [`${issue.path.map(String).join('.')} ${issue.message}`, issue])).values()];
}
