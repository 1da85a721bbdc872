/** A protection that is taken out. */
export interface Mutation {
  readonly name: string;
  readonly edits: readonly Edit[];
}

export interface Edit {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/**
 * The text of the file with the edit made.
 *
 * @throws Error when the edit does not fit it any more
 */
export function mutate(text: string, { file, from, to }: Edit): string {
  if (text.split(from).length !== 2) {
    throw new Error(`"${from}" must stand in ${file} exactly once; bring the mutation up to date`);
  }
  return text.replace(from, () => to);
}

const RECEIPT_WRITE = "call('SET', KEYS[1], all_outcomes, 'EX', request.receiptSeconds)\n";

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'the receipt of a job is not checked',
    edits: [{ file: 'lua/frame.lua', from: 'if recorded_outcomes then', to: 'if false then' }],
  },
  {
    name: 'the receipt is written by a command of its own',
    edits: [
      { file: 'lua/frame.lua', from: RECEIPT_WRITE, to: '' },
      {
        file: 'src/workers/apply.ts',
        from: 'const outcomes = (await scripts.run(script, call.keys, call.args)) as JobResult;',
        to: `const outcomes = (await scripts.run(script, call.keys, call.args)) as JobResult;
    await deps.redis.set(keys.jobReceipt(jobIdOf(job)), outcomes, 'EX', 3600);`,
      },
    ],
  },
  {
    name: 'the receipt is written last, with an error in between',
    edits: [
      { file: 'lua/frame.lua', from: RECEIPT_WRITE, to: '' },
      {
        file: 'lua/frame.lua',
        from: 'end\n\nreturn all_outcomes\n',
        to: `end

if now[2] % 20 == 0 then
  error({ err = 'OOM in between' })
end
${RECEIPT_WRITE}
return all_outcomes
`,
      },
    ],
  },
  {
    name: 'the lease is ignored, and receipts are cut at once',
    edits: [
      { file: 'lua/frame.lua', from: 'if not within_lease then', to: 'if false then' },
      { file: 'lua/settle.lua', from: "redis.call('EXPIRE', receipt_key, life)", to: "redis.call('DEL', receipt_key)" },
    ],
  },
  {
    name: 'rejections are not recorded under their idempotency key',
    edits: [
      {
        file: 'lua/frame.lua',
        from: "if string.byte(outcome) ~= 63 then -- '?'",
        to: "if string.byte(outcome) ~= 63 and string.byte(outcome) ~= 33 then -- '?', '!'",
      },
    ],
  },
  {
    name: 'the fingerprint of an idempotency key is ignored',
    edits: [
      { file: 'lua/frame.lua', from: 'first_fingerprint == fingerprint and', to: 'first_fingerprint and' },
      {
        file: 'src/producers/idempotency.ts',
        from: 'const same = firstFingerprint === fingerprint(operation, params);',
        to: 'const same = firstFingerprint !== fingerprint(operation, undefined);',
      },
    ],
  },
  {
    name: "jobs get BullMQ's own ids",
    edits: [
      {
        file: 'src/producers/sender.ts',
        from: 'await this.#add(queue, bulk);',
        to: `const withoutIds = bulk.map(({ opts: { jobId: _, ...opts }, ...job }) => ({ ...job, opts }));
    const added = await queue.addBulk(withoutIds);
    const ids = new Map(jobs.map(({ jobId }, place) => [jobId, added[place]?.id ?? '']));
    for (const submission of submissions as { jobId: string }[]) {
      submission.jobId = ids.get(submission.jobId) ?? submission.jobId;
    }`,
      },
      { file: 'src/jobs/job-id.ts', from: '([0-9a-f-]{36})', to: '([0-9a-f-]+)' },
      { file: 'src/jobs/job-id.ts', from: 'jobId.length > UUID_LENGTH && ', to: '' },
    ],
  },
];
