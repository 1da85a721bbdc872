-- Takes an update back that has not begun: writes the receipt of its job, with the outcome "cancelled", as `lua/apply.lua` would
-- write it with another one. Whoever writes that receipt first wins; the other finds it, and does nothing.
--
-- Its idempotency key is used up by it, as by a rejection: what is sent again under the key is answered "cancelled".
--
-- KEYS     1 the receipt of the job
--          2 the other name that it may have: if the version is put into or out of the job's data before the job runs
--          3 what is announced, see `src/redis/announced.ts`
--          4 the receipt of its idempotency key, if it has one
-- ARGV     1 time in ms after which nothing is written any more: a receipt of the job may be gone then
--          2 the record of the job, with the outcome "cancelled"
--          3 life of the receipt of a job in seconds, until the job is settled
--          4 what the receipt of the key is to hold
--          5 how long in ms the key is remembered at least
-- Returns  { 'cancelled' }, { 'job', record } or { 'key', receipt } when one was there, { 'late' } past that time
--
-- All that it reads comes before its first write. The keys that it writes are in KEYS, so that Redis has made sure of the rights.

local KEY_RECEIPT_MARGIN_MS = 600000 -- see `lua/apply.lua`

local now = redis.call('TIME')
local now_ms = now[1] * 1000 + math.floor(now[2] / 1000)
local scores = redis.call('ZMSCORE', KEYS[3], 'window-ms', 'clock-ms')
local time_ms = math.max(now_ms, tonumber(scores[2] or 0))

local record = redis.call('GET', KEYS[1]) or redis.call('GET', KEYS[2])
if record then
  return { 'job', record }
end
local receipt = KEYS[4] and redis.call('GET', KEYS[4])
if receipt then
  return { 'key', receipt }
end
if time_ms > tonumber(ARGV[1]) then
  return { 'late' }
end

local life = ARGV[3] + math.ceil((time_ms - now_ms) / 1000)
redis.call('SET', KEYS[1], ARGV[2], 'EX', life)
redis.call('SET', KEYS[2], ARGV[2], 'EX', life)
if KEYS[4] then
  local window_ms = math.max(tonumber(scores[1] or 0), tonumber(ARGV[5]))
  local until_ms = math.min(math.floor(time_ms + window_ms + KEY_RECEIPT_MARGIN_MS), 9007199254740991)
  redis.call('SET', KEYS[4], ARGV[4], 'PXAT', string.format('%.0f', until_ms))
end
return { 'cancelled' }
