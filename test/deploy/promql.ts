import { parser } from '@prometheus-io/lezer-promql';

/** What a PromQL expression reads. */
export interface Reading {
  readonly metrics: ReadonlySet<string>;
  readonly labels: ReadonlySet<string>;
}

/** @throws when it is not PromQL */
export function readPromql(expression: string): Reading {
  const metrics = new Set<string>();
  const labels = new Set<string>();
  parser.parse(expression).iterate({
    enter: ({ type, from, to }) => {
      if (type.isError) {
        throw new Error(`not PromQL at ${from}: ${expression}`);
      }
      if (type.name === 'Identifier') {
        metrics.add(expression.slice(from, to));
      }
      if (type.name === 'LabelName') {
        labels.add(expression.slice(from, to));
      }
    },
  });
  return { metrics, labels };
}
