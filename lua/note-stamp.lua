-- Notes when a job was sent that does not say so, as somebody else added it; for as long as an attempt has the job. A request that comes
-- late, or of a worker that stood still, would else put itself in the place of the mark of a job that has ended.
--
-- Of BullMQ it knows the field `progress` of a job's hash, asserted in `test/bullmq`, and that the lock of a job holds the token of whoever works
-- on it: without that no job would be stamped, see `test/integration/ages.test.ts`.
--
-- KEYS  1 the hash of the job
--       2 its lock
-- ARGV  1 token of the attempt
--       2 the stamp, as JSON

if redis.call('GET', KEYS[2]) == ARGV[1] then
  redis.call('HSET', KEYS[1], 'progress', ARGV[2])
end
