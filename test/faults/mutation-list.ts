/** A protection that is taken out. */
export interface Mutation {
  readonly name: string;
  readonly edits: readonly Edit[];
  /** What it must turn red. @defaultValue the suite */
  readonly red?: 'model';
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

const RECEIPT_WRITE = "call('SET', place.receipt, place.record, 'EX', place.receipt_seconds or usual_life)\n";

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'the receipt of a job is not checked',
    edits: [
      {
        file: 'lua/apply.lua',
        from: "local record = call('GET', place.receipt)",
        to: 'local record = false',
      },
    ],
  },
  {
    name: 'the receipt is written by a command of its own',
    edits: [
      { file: 'lua/apply.lua', from: RECEIPT_WRITE, to: '' },
      {
        file: 'src/workers/apply.ts',
        from: 'const record = (await scripts.run(script, call.keys, call.args)) as JobResult;',
        to: `const record = (await scripts.run(script, call.keys, call.args)) as JobResult;
    await deps.redis.set(deps.keys.jobReceipt(attempt.name, group.slot), record, 'EX', 3600);`,
      },
    ],
  },
  {
    name: 'the receipt is written last, with an error in between',
    edits: [
      { file: 'lua/apply.lua', from: RECEIPT_WRITE, to: '' },
      {
        file: 'lua/apply.lua',
        from: 'end\n\nreturn slots and records_of_slots() or record\n',
        to: `end

if now[2] % 20 == 0 then
  error({ err = 'OOM in between' })
end
for _, place in ipairs(places) do
  ${RECEIPT_WRITE}end
return slots and records_of_slots() or record
`,
      },
    ],
  },
  {
    name: 'the lease is ignored, and receipts are cut at once',
    edits: [
      { file: 'lua/apply.lua', from: 'if lease_is_over then', to: 'if false then' },
      { file: 'lua/settle.lua', from: "redis.call('EXPIRE', receipt_key, life)", to: "redis.call('DEL', receipt_key)" },
    ],
  },
  {
    name: 'rejections are not recorded under their idempotency key',
    edits: [
      {
        file: 'lua/apply.lua',
        from: "if string.byte(outcome) ~= 63 then -- '?'",
        to: "if string.byte(outcome) ~= 63 and string.byte(outcome) ~= 33 then -- '?', '!'",
      },
    ],
  },
  {
    name: 'the fingerprint of an idempotency key is ignored',
    edits: [
      { file: 'lua/apply.lua', from: 'first_fingerprint == fingerprint and', to: 'first_fingerprint and' },
      {
        file: 'src/producers/idempotency.ts',
        from: 'firstFingerprint === fingerprint(operation, params) ?',
        to: "firstFingerprint !== '' && fingerprint(operation, params) !== '' ?",
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
    for (const [place, { sent: job }] of jobs.entries()) {
      (job as { jobId: string }).jobId = added[place]?.id ?? '';
    }`,
      },
      { file: 'src/jobs/job-id.ts', from: '([0-9a-f-]{36})', to: '([0-9a-f-]+)' },
    ],
  },
  {
    name: 'a job that is put back loses its idempotency key',
    edits: [
      {
        file: 'src/workers/requeue.ts',
        from: 'toJobData([update], stamp,',
        to: 'toJobData([{ ...update, idempotencyKey: undefined }], stamp,',
      },
    ],
  },
  {
    name: 'a revert has another key each time',
    edits: [
      {
        file: 'src/producers/revert.ts',
        from: '{ ...update, idempotencyKey: id }',
        to: '{ ...update, idempotencyKey: `${id}/${performance.now()}` }',
      },
    ],
  },
  {
    name: '"not accepted" is told although the connection was lost',
    edits: [
      {
        file: 'src/producers/sender.ts',
        from: 'const sentOnce = redis.disconnects === disconnects && ',
        to: 'const sentOnce = disconnects >= 0 && ',
      },
    ],
  },
  {
    name: 'a batch that failed as a whole leaves no receipt',
    edits: [
      {
        file: 'lua/apply.lua',
        from: 'if #outcomes == 1 and not request.part and (first == 63 or first == 42) then',
        to: `local some_done = false
for _, outcome in ipairs(outcomes) do
  some_done = some_done or not string.find(outcome, '^[?*]')
end
if not some_done and not request.part and first then`,
      },
    ],
  },
  {
    name: 'settling cuts the receipts of jobs that have been sent to run again',
    edits: [
      {
        file: 'lua/settle.lua',
        from: " and (is_own or redis.call('EXISTS', job_key) == 0) then",
        to: ' then',
      },
    ],
  },
  {
    name: 'a request that may come late is not waited for',
    edits: [
      {
        file: 'src/workers/apply.ts',
        from: 'const mayBeLate = deps.redis.disconnects !== disconnectsBefore;',
        to: 'const mayBeLate = disconnectsBefore < 0;',
      },
    ],
  },
  {
    name: "return values are taken without the mark that they are Tally's",
    edits: [
      {
        file: 'src/jobs/form.ts',
        from: String.raw`/^tally\/(\d+) (\S+) (.*)$/s`,
        to: String.raw`/^(?:tally\/(\d+) (\S+) )?(.*)$/s`,
      },
      {
        file: 'src/jobs/form.ts',
        from: 'return form === undefined || Number(form) > FORM ?',
        to: "return typeof text !== 'string' || Number(form) > FORM ?",
      },
    ],
  },
  ...(
    [
      ['the stamp of an update is ignored', "age: 'stamp',", "age: 'ignored',"],
      ['the stamp is taken after the look-up', "stampTaken: 'before the look-up',", "stampTaken: 'after the look-up',"],
      ['updates are put back before the receipt', "putBack: 'after the receipt',", "putBack: 'before the receipt',"],
    ] as const
  ).map(([name, from, to]) => ({ name, red: 'model' as const, edits: [{ file: 'test/model/rules.ts', from, to }] })),
  {
    name: 'outcomes are told last, with an error in between',
    edits: [
      {
        file: 'lua/apply.lua',
        from: "  if told.indexes then\n    call('XADD'",
        to: "  told.tell = function() if told.indexes then\n    call('XADD'",
      },
      {
        file: 'lua/apply.lua',
        from: "'c', cells, 'd', data)\n  end\nend",
        to: "'c', cells, 'd', data)\n  end end\nend",
      },
      {
        file: 'lua/apply.lua',
        from: 'end\n\nreturn slots and records_of_slots() or record\n',
        to: `end

if now[2] % 20 == 0 then
  error({ err = 'OOM in between' })
end
if told and told.tell then
  told.tell()
end
return slots and records_of_slots() or record
`,
      },
    ],
  },
  {
    name: 'what is held is not given back',
    edits: [
      {
        file: 'src/workers/apply.ts',
        from: '    await addExpiries(attempt, record, deps);\n',
        to: '    void addExpiries;\n',
      },
      {
        file: 'src/workers/worker.ts',
        from: 'this.#overdue = new OverdueHolds(this.#store);',
        to: 'void OverdueHolds;',
      },
    ],
  },
  {
    name: 'an outcome is told twice',
    edits: [
      {
        file: 'lua/apply.lua',
        from: "    call('XADD', stream, '*', 'h', head, 'r', all, 'b', before, 'a', after, 'c', cells, 'd', data)\n",
        to: `    for _ = 1, now[2] % 20 == 0 and 2 or 1 do
      call('XADD', stream, '*', 'h', head, 'r', all, 'b', before, 'a', after, 'c', cells, 'd', data)
    end
`,
      },
    ],
  },
  {
    name: 'a subscriber acknowledges before its handler has taken the events',
    edits: [
      {
        file: 'src/subscribers/subscriber.ts',
        from: 'const events = entry === undefined ?',
        to: 'await from.acknowledge(id);\n    const events = entry === undefined ?',
      },
    ],
  },
];
