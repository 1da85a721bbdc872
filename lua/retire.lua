-- Removes jobs that ended and were kept long enough, the oldest first. One whose time of ending is still that of a worker's
-- clock (`lua/settle.lua` leaves half a millisecond in those that it corrects) gets Redis' time, as if it had ended now: it is
-- not removed by a time that may be wrong. So does one that seems to end in the future.
--
-- KEYS     1 BullMQ's sorted set of jobs that ended in this way
-- ARGV     1 first part of the keys of its jobs
--          2 how long a job is kept, in ms
--          3 how many are kept
--          4 how many to look at, in this call
-- Returns  how many were looked at

local set_key, start, age_ms, limit = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[4])
local FUTURE_MS = 60000

local now = redis.call('TIME')
local now_ms = now[1] * 1000 + math.floor(now[2] / 1000)

local function correct(id)
  redis.call('ZADD', set_key, 'XX', string.format('%.1f', now_ms + 0.5), id)
end

local function remove(id)
  local key = start .. id
  local deduplication_id = redis.call('HGET', key, 'deid')
  if deduplication_id and redis.call('GET', start .. 'de:' .. deduplication_id) == id then
    redis.call('DEL', start .. 'de:' .. deduplication_id, start .. 'dn:' .. deduplication_id)
  end
  redis.call('DEL', key, key .. ':logs', key .. ':dependencies', key .. ':processed', key .. ':failed', key .. ':unsuccessful')
  redis.call('ZREM', set_key, id)
end

local future = redis.call('ZRANGEBYSCORE', set_key, string.format('%d', now_ms + FUTURE_MS), '+inf', 'LIMIT', 0, limit)
for _, id in ipairs(future) do
  correct(id)
end

local surplus = redis.call('ZCARD', set_key) - tonumber(ARGV[3])
local oldest = redis.call('ZRANGE', set_key, 0, limit - 1, 'WITHSCORES')
local looked = #future
for n = 1, #oldest, 2 do
  local id, ended_at = oldest[n], tonumber(oldest[n + 1])
  if ended_at > now_ms - age_ms and surplus <= 0 then
    break
  end
  looked = looked + 1
  if ended_at % 1 == 0 then
    correct(id)
  else
    remove(id)
    surplus = surplus - 1
  end
end
return looked
