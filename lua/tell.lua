-- Tells what the script of a job did not decide: that it failed for good, or was cancelled.
--
-- KEYS     1 the stream of outcomes, see `src/jobs/told.ts`
--          2 on one server, of a job that failed: its lock, since only the attempt that has it may tell of its end
-- ARGV     1 form of the entry
--          2 how many updates it tells of
--          3 the rest of its head: "id operation"
--          4 token of the attempt that failed
--          5 .. its other fields and their values
-- Returns  the id of the entry; false when another attempt has the job by now, which may have applied it

if KEYS[2] and redis.call('GET', KEYS[2]) ~= ARGV[4] then
  return false
end
local last, fault = last_told(KEYS[1])
if not last then
  return redis.error_reply(fault)
end
local now = redis.call('TIME')
local now_ms = now[1] * 1000 + math.floor(now[2] / 1000)
local head = string.format('%s %.0f %.0f %s %s', ARGV[1], last + tonumber(ARGV[2]), now_ms, ARGV[2], ARGV[3])
return redis.call('XADD', KEYS[1], '*', 'h', head, unpack(ARGV, 5))
