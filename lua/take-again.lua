-- Gives a subscriber the next event that its group is to be told again. One subscriber of the group has them in hand at a time: also
-- asked while it does, to keep them.
--
-- KEYS     1 the list of events to be told again, the first to be told at its end
--          2 who has them in hand
-- ARGV     1 the consumer
--          2 for how long they are its own, in ms, unless it asks again
-- Returns  the event as it was set aside; false when there is none, or another one has them in hand

local letter = redis.call('LINDEX', KEYS[1], -1)
local holder = redis.call('GET', KEYS[2])
if not letter or (holder and holder ~= ARGV[1]) then
  return false
end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return letter
