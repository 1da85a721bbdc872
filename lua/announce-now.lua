-- Announces this master's time in several slots: what `announceClock` of `src/redis/announced.ts` does for each of them.
--
-- KEYS     1 what is announced in the first slot, by which the call is routed
-- ARGV     the same of the other slots
-- Returns  the time in ms
-- Fails at one that is on another node, or on its way there, or that may not be written: it is announced before those then, which
-- does no harm.

local now = redis.call('TIME')
local now_ms = string.format('%d', now[1] * 1000 + math.floor(now[2] / 1000))

local function announce(key)
  redis.call('ZADD', key, 'GT', now_ms, 'clock-ms')
end

announce(KEYS[1])
for n = 1, #ARGV do
  announce(ARGV[n])
end
return now_ms
