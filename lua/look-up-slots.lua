-- Redis' time, and what is recorded under idempotency keys in several slots of one master, at one moment: what `lua/look-up.lua` is on
-- one server. Announces the window that keys are looked up with, and the time when it is much later than any announced before:
-- see `src/producers/idempotency.ts`. It is done before anything else can run, so it counts as done before the look-up.
--
-- KEYS     1 what is announced in the first slot, by which the call is routed
-- ARGV     1 the window in ms
--          2 by how many ms the announced time may lag behind
--          3 .. for each slot: what is announced there, how many receipts follow, and these; of the first slot without the first
-- Returns  for each slot the time that ages are reckoned in, and its receipts
-- Fails at a key that is on another node, or on its way there, before the first write: all are read first, key by key.

local window_ms, step_ms = tonumber(ARGV[1]), tonumber(ARGV[2])
local now = redis.call('TIME')
local now_ms = now[1] * 1000 + math.floor(now[2] / 1000)

local answers, writes = {}, {}
local announced, next_argument = KEYS[1], 3
while announced do
  local scores = redis.call('ZMSCORE', announced, 'window-ms', 'clock-ms')
  local clock_ms = tonumber(scores[2] or 0)
  if tonumber(scores[1] or 0) < window_ms then
    writes[#writes + 1] = { announced, ARGV[1], 'window-ms' }
  end
  if now_ms > clock_ms + step_ms then
    writes[#writes + 1] = { announced, string.format('%d', now_ms), 'clock-ms' }
  end
  local answer = { string.format('%.0f', math.max(now_ms, clock_ms)) }
  local count = tonumber(ARGV[next_argument])
  for n = 1, count do
    answer[n + 1] = redis.call('GET', ARGV[next_argument + n])
  end
  answers[#answers + 1] = answer
  announced, next_argument = ARGV[next_argument + count + 1], next_argument + count + 2
end

for n = 1, #writes do
  redis.call('ZADD', writes[n][1], 'GT', writes[n][2], writes[n][3])
end
return answers
