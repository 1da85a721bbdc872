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
local moved = 0
if ARGV[2] == '0' then
  if room > 0 and redis.call('LREM', dead, -1, ARGV[3]) == 1 then
    moved = 1
    if how == 'again' then
      redis.call('LPUSH', again, ARGV[3])
    end
  end
  return moved
end
while moved < math.min(tonumber(ARGV[2]), room) do
  local letter = redis.call('RPOP', dead)
  if not letter then
    return moved
  end
  if how == 'again' then
    redis.call('LPUSH', again, letter)
  end
  moved = moved + 1
end
return moved
