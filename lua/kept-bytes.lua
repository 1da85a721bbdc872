-- What a kept job takes of Redis' memory, by the lengths of what is long in it; the rest is nearly the same in each. It stands
-- before `lua/settle.lua`, which counts, and `lua/retire.lua`, which takes off again: both have to reckon alike. Measured by
-- `npm run bench -- kept`.
--
-- The return value is there a second time, as the mark in the progress. Memory is given out in steps, so that texts take more
-- than their lengths.
--
-- Of BullMQ it knows the fields `data`, `failedReason` and `stacktrace` of a job's hash: asserted in `test/bullmq`.

local JOB_BYTES, BYTES_PER_LENGTH = 1300, 1.1

local function kept_bytes(job_key, record)
  local length = redis.call('HSTRLEN', job_key, 'data')
  if record then
    length = length + 2 * #record
  else
    length = length + redis.call('HSTRLEN', job_key, 'failedReason') + redis.call('HSTRLEN', job_key, 'stacktrace')
  end
  return math.floor(JOB_BYTES + BYTES_PER_LENGTH * length)
end
