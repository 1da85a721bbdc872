-- Settles jobs that have ended. On a completed one it leaves a mark, and then lets its receipt expire soon. The mark is the
-- job's record, in its progress: BullMQ hands the progress to every later attempt, whatever made it run again, and
-- that attempt answers with the mark instead of applying.
--
-- BullMQ notes when a job ended by the clock of the worker's machine. Here it becomes Redis' time, and half a millisecond, by
-- which `lua/retire.lua` knows it from a time that was not corrected.
--
-- Of BullMQ it knows the fields `returnvalue` and `progress` of a job's hash, JSON both, and that the sorted sets of jobs that
-- ended have the time of the end as score, a whole number of ms: asserted in `test/bullmq`.
--
-- A job that has been sent to run again already has no return value: its receipt is all that protects it, and stays.
--
-- What is kept is counted for each of BullMQ's sorted sets, in a hash beside it, see `lua/retire.lua`.
--
-- KEYS     the hash of each job; then, of each, BullMQ's sorted set of jobs that ended as it did; then the receipt of each,
--          and what is announced, see `lua/apply.lua`, and the other receipts of jobs that have one, in their order; unless
--          those lie in other slots
-- ARGV     1 life of a cut receipt in seconds
--          2 for each job '1' when its receipt may be shortened, '2' when it has another one, else '0', as one text
--          3 .. the id of each job, and then how many updates it carries
-- Returns  for each job '1' when its receipts were shortened, or may be; '0' when they must stay as they are

local may_cut = ARGV[2]
local jobs, cut = #may_cut, {}
local now = redis.call('TIME')
local now_ms = now[1] * 1000 + math.floor(now[2] / 1000)
local ended_at = string.format('%.1f', now_ms + 0.5)

-- A receipt outlives leases also when the clock was set back: those who hold them know the latest time that it has shown.
local announced = KEYS[3 * jobs + 1]
local clock_ms = announced and tonumber(redis.call('ZSCORE', announced, 'clock-ms') or 0) or 0
local life = ARGV[1] + math.ceil(math.max(0, clock_ms - now_ms) / 1000)

local others = 3 * jobs + 1 -- of KEYS are passed
local kept = {}
local function count(set_key, updates, bytes)
  local sum = kept[set_key] or { jobs = 0, updates = 0, bytes = 0 }
  sum.jobs, sum.updates, sum.bytes = sum.jobs + 1, sum.updates + updates, sum.bytes + bytes
  kept[set_key] = sum
end

for n = 1, jobs do
  local job_key, set_key, receipt_key = KEYS[n], KEYS[jobs + n], KEYS[2 * jobs + n]
  local record = redis.call('HGET', job_key, 'returnvalue')
  local is_own = record and string.sub(record, 1, 7) == '"tally/'
  if is_own then
    redis.call('HSET', job_key, 'progress', '{"outcomes":' .. record .. '}')
  end
  redis.call('ZADD', set_key, 'XX', ended_at, ARGV[2 + n])
  count(set_key, is_own and tonumber(ARGV[2 + jobs + n]) or 1, kept_bytes(job_key, record))
  cut[n] = '0'
  local may, other_key = string.sub(may_cut, n, n), nil
  if may == '2' then
    others = others + 1
    other_key = KEYS[others]
  end
  if may ~= '0' and (is_own or redis.call('EXISTS', job_key) == 0) then
    cut[n] = '1'
    if receipt_key then
      redis.call('EXPIRE', receipt_key, life)
    end
    if other_key then
      redis.call('EXPIRE', other_key, life)
    end
  end
end
for set_key, sum in pairs(kept) do
  for field, number in pairs(sum) do
    redis.call('HINCRBY', set_key .. ':kept', field, number)
  end
end
return table.concat(cut)
