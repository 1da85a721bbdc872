import type { JobData, Stamp } from './job-data.js';

/** What stands in front of a job's data: whose digest leaves it out when the job is Tally's own, see `digestOfJob`. */
const HEAD = /^\{("v":\d+,)?(?:"sentAtMs":\d+,)?("windowMs":\d+,)?/;

/**
 * The text of a job's data with another stamp, and all else as it stands there, so that its digest stays.
 *
 * @param stamp its window is for a job with keyed updates that has none
 * @returns undefined when the text is not of a form that can be given one
 */
export function withNewStamp(text: string, { sentAtMs, windowMs }: Stamp): string | undefined {
  const [head = '', form = '', window] = HEAD.exec(text) ?? [];
  const before = parse(text);
  const isKeyed = Object.keys(before?.idempotencyKeys ?? {}).length > 0;
  const ofWindow = window ?? (isKeyed ? `"windowMs":${windowMs},` : '');
  const stamped = `{${form}"sentAtMs":${sentAtMs},${ofWindow}${text.slice(head.length)}`;
  const after = parse(stamped);
  const isRight =
    after?.sentAtMs === sentAtMs && after.v === before?.v && (!isKeyed || typeof after.windowMs === 'number');
  return head !== '' && isRight ? stamped : undefined;
}

function parse(text: string): JobData | undefined {
  try {
    const data = JSON.parse(text) as Partial<JobData> | null;
    return Array.isArray(data?.updates) ? (data as JobData) : undefined;
  } catch {
    return undefined;
  }
}
