-- Removes jobs that ended and were kept long enough, the oldest first, and before that those which are more than may be kept.
-- One whose time of ending is still that of a worker's clock (`lua/settle.lua` leaves half a millisecond in those that it
-- corrects) gets Redis' time, as if it had ended now: it is not removed by a time that may be wrong. So does one that seems to
-- end in the future. Both get a quarter of a millisecond: who looks for jobs that Tally did not complete passes over the halves
-- alone, see `lua/find-foreign.lua`.
--
-- How much is kept stands in a hash beside the sorted set, whose name is that of the set and `:kept`:
--
--   jobs, updates, bytes   what `lua/settle.lua` has counted, less what was removed here
--   removed-to             when the last job ended that was removed, in ms of Redis' time
--   early-to               the same of those that were removed because there were too many
--   age-ms                 how long a job is kept
--
-- Jobs that somebody else removed, or retried, are not taken off. So what counts are the means of a job, times the jobs that the
-- set holds. Where most of these were never counted, the means are those of a sample.
--
-- KEYS     1 BullMQ's sorted set of jobs that ended in this way
-- ARGV     1 first part of the keys of its jobs
--          2 how long a job is kept, in ms
--          3 how many updates are kept
--          4 how many bytes they may take
--          5 how many jobs to look at, in this call
-- Returns  how many were looked at, and how many were removed because there were too many

local set_key, start, age_ms, limit = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[5])
local max_updates, max_bytes = tonumber(ARGV[3]), tonumber(ARGV[4])
local kept_key = set_key .. ':kept'
local FUTURE_MS = 60000
local SAMPLE = 100
local SEPARATOR = ';'

local now = redis.call('TIME')
local now_ms = now[1] * 1000 + math.floor(now[2] / 1000)

local function correct(id)
  redis.call('ZADD', set_key, 'XX', string.format('%.2f', now_ms + 0.25), id)
end

-- Updates and bytes of a job.
local function measure(id)
  local record = redis.call('HGET', start .. id, 'returnvalue')
  local updates = 1
  if record and string.sub(record, 1, 7) == '"tally/' then
    local _, separators = string.gsub(record, SEPARATOR, '')
    updates = separators + 1
  end
  return updates, kept_bytes(start .. id, record)
end

local function sample(jobs)
  local looks, updates, bytes = math.min(jobs, SAMPLE), 0, 0
  for n = 0, looks - 1 do
    local place = math.floor(n * jobs / looks)
    local more_updates, more_bytes = measure(redis.call('ZRANGE', set_key, place, place)[1])
    updates, bytes = updates + more_updates, bytes + more_bytes
  end
  return updates * jobs / looks, bytes * jobs / looks
end

local jobs = redis.call('ZCARD', set_key)
local noted = redis.call('HMGET', kept_key, 'jobs', 'updates', 'bytes', 'age-ms')
local counted = tonumber(noted[1] or 0)
local updates, bytes = tonumber(noted[2] or 0), tonumber(noted[3] or 0)
if jobs == 0 then
  updates, bytes = 0, 0
elseif counted * 2 < jobs then
  updates, bytes = sample(jobs)
else
  updates, bytes = updates * jobs / counted, bytes * jobs / counted
end

local future = redis.call('ZRANGEBYSCORE', set_key, string.format('%d', now_ms + FUTURE_MS), '+inf', 'LIMIT', 0, limit)
for _, id in ipairs(future) do
  correct(id)
end

local oldest = redis.call('ZRANGE', set_key, 0, limit - 1, 'WITHSCORES')
local looked, early, removed_to, early_to = #future, 0, nil, nil
for n = 1, #oldest, 2 do
  local id, ended_at = oldest[n], tonumber(oldest[n + 1])
  local is_old = ended_at <= now_ms - age_ms
  if not is_old and updates <= max_updates and bytes <= max_bytes then
    break
  end
  looked = looked + 1
  if ended_at % 1 == 0 then
    correct(id)
  else
    local less_updates, less_bytes = measure(id)
    remove_job(set_key, start, id)
    jobs, updates, bytes = jobs - 1, updates - less_updates, bytes - less_bytes
    removed_to = ended_at
    if not is_old then
      early, early_to = early + 1, ended_at
    end
  end
end

local function note(field, number)
  redis.call('HSET', kept_key, field, string.format('%d', math.max(0, math.floor(number + 0.5))))
end

if jobs ~= counted then
  note('jobs', jobs)
  note('updates', updates)
  note('bytes', bytes)
end
if removed_to then
  note('removed-to', removed_to)
end
if early_to then
  note('early-to', early_to)
end
if age_ms ~= tonumber(noted[4]) and redis.call('EXISTS', kept_key) == 1 then
  note('age-ms', age_ms)
end
return { looked, early }
