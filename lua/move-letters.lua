-- Takes events off what a group has set aside: to be told again, or for good.
--
-- KEYS     1 the list of what is set aside, the latest first
--          2 the list of what is to be told again, the first to be told at its end
-- ARGV     1 "again" or "drop"
--          2 how many events at most, of those that were set aside first; 0 for the one that follows
--          3 the event
--          4 how many may wait to be told again
-- Returns  how many were taken off

local dead, again, how = KEYS[1], KEYS[2], ARGV[1]
local room = how == 'again' and tonumber(ARGV[4]) - redis.call('LLEN', again) or math.huge
if ARGV[2] == '0' then
  if room < 1 or not redis.call('LPOS', dead, ARGV[3]) then
    return 0
  end
  if how == 'again' then
    redis.call('LPUSH', again, ARGV[3]) -- before it goes from the other: what is refused here loses nothing
  end
  return redis.call('LREM', dead, -1, ARGV[3])
end
local moved = 0
while moved < math.min(tonumber(ARGV[2]), room) do
  local letter
  if how == 'again' then
    letter = redis.call('LMOVE', dead, again, 'RIGHT', 'LEFT')
  else
    letter = redis.call('RPOP', dead)
  end
  if not letter then
    return moved
  end
  moved = moved + 1
end
return moved
