-- Compares what is held of a stock with its reservations, at one moment.
--
-- KEYS  1 what is held in all, 2 a hash of what each reservation holds, 3 a sorted set of their ends: see `Keys.hold`
-- ARGV  1 "mend" to make it right: what is held in all becomes the sum of the reservations; a reservation without an end is over
--         now; an end without a reservation is removed
--       2 how long a reservation may be over before it is told of, in ms
--
-- Answers with what is held in all, the sum of the reservations, how many of these have no end, how many ends have no
-- reservation, and how many reservations are over and still held, all as it was found; and Redis' time, in ms.

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)

local function text_of(number)
  return string.format('%.0f', number)
end

local total = tonumber(redis.call('GET', KEYS[1]) or 0)
local sum, has_quantity, over, without_end = 0, {}, 0, {}
local quantities, ends = redis.call('HGETALL', KEYS[2]), redis.call('ZRANGE', KEYS[3], 0, -1, 'WITHSCORES')
for n = 1, #quantities, 2 do
  has_quantity[quantities[n]] = true
  sum = sum + tonumber(quantities[n + 1])
end
local end_of, without_quantity = {}, {}
for n = 1, #ends, 2 do
  local name, end_ms = ends[n], tonumber(ends[n + 1])
  end_of[name] = end_ms
  if not has_quantity[name] then
    without_quantity[#without_quantity + 1] = name
  elseif end_ms + tonumber(ARGV[2]) <= now_ms then
    over = over + 1
  end
end
for n = 1, #quantities, 2 do
  if not end_of[quantities[n]] then
    without_end[#without_end + 1] = quantities[n]
  end
end

if ARGV[1] == 'mend' then
  for _, name in ipairs(without_end) do
    redis.call('ZADD', KEYS[3], text_of(now_ms), name)
  end
  for _, name in ipairs(without_quantity) do
    redis.call('ZREM', KEYS[3], name)
  end
  if sum == 0 then
    redis.call('DEL', KEYS[1])
  elseif sum ~= total then
    redis.call('INCRBY', KEYS[1], text_of(sum - total))
  end
end

return { text_of(total), text_of(sum), text_of(#without_end), text_of(#without_quantity), text_of(over), text_of(now_ms) }
