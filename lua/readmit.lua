-- Gives a job that stood too long another stamp: puts other data in place of those that were read, unless somebody has changed
-- them since, or the job has gone on.
--
-- Of BullMQ it knows the fields `data` and `finishedOn` of a job's hash, and that its lock is there while a worker has it:
-- asserted in `test/bullmq`.
--
-- KEYS     1 the hash of the job
--          2 BullMQ's sorted set of failed jobs
--          3 the lock of the job, there while a worker has it
-- ARGV     1 the id of the job
--          2 'failed' or 'waiting': what it was found as
--          3 its data as they were read
--          4 the data to put there
-- Returns  1, or 0 when nothing was written

local job_key, failed_key, lock_key = KEYS[1], KEYS[2], KEYS[3]
local id, state, before, after = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

if redis.call('HGET', job_key, 'data') ~= before then
  return 0
end
local is_failed = redis.call('ZSCORE', failed_key, id) ~= false
local has_ended = redis.call('HEXISTS', job_key, 'finishedOn') == 1
local is_running = redis.call('EXISTS', lock_key) == 1
if state == 'failed' and not is_failed or state == 'waiting' and (has_ended or is_running) then
  return 0
end
redis.call('HSET', job_key, 'data', after)
return 1
