-- How long a delivery has to wait: until its turn at the rate of its webhook, or until the end of a hold that its target has asked for
-- (Retry-After). A turn is taken even if it lies ahead: whoever waits for it comes back without
-- taking another.
--
-- KEYS  1  hash of the webhook, or of the target: next-ms, when the next turn is free; held-ms, the end of the hold
-- ARGV  1  ms between two turns; 0 takes none
--       2  ms for which the target is to be held from now on; 0 for none
-- Returns the wait in ms, 0 for none.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local interval, hold = tonumber(ARGV[1]), tonumber(ARGV[2])
local stored = redis.call('HMGET', KEYS[1], 'next-ms', 'held-ms')
local turn, held = math.max(now, tonumber(stored[1] or 0)), math.max(now + hold, tonumber(stored[2] or 0))
if hold > 0 then
  redis.call('HSET', KEYS[1], 'held-ms', string.format('%.0f', held))
end
local wait = held - now
if interval > 0 then
  redis.call('HSET', KEYS[1], 'next-ms', string.format('%.0f', turn + interval))
  wait = math.max(wait, turn - now)
end
if hold > 0 or interval > 0 then
  redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.max(held, turn + interval) - now + 60000))
end
return wait
