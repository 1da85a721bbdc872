-- Gives a subscriber the next entries of its group, and notices when some are missing: removed before the group came to them.
--
-- KEYS     1 the stream of outcomes
--          2 the hash of the group:
--              id, number           of the last entry that it was given, and of the last update in it; no number while it was given
--                                   none: from a time on all that was removed may be missing, from the beginning (id 0-0) nothing is
--              gaps, lost           how often something was missing, and how many updates, as far as that is known
--              gap                  what is missing and nobody was told of yet: "from-id to-id updates", "-" where it is not known
-- ARGV     1 the group
--          2 the consumer
--          3 how many entries at most
-- Returns  the entries; what is missing, or false; the id of the last entry that the group was given

local stream, group_key = KEYS[1], KEYS[2]
local found = redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', ARGV[3], 'STREAMS', stream, '>')
local entries = found and found[1][2] or {}
local known = redis.call('HMGET', group_key, 'id', 'number', 'gap')
local id, number, gap = known[1] or '0-0', tonumber(known[2]), known[3]
local is_beginning = id == '0-0'

for _, entry in ipairs(entries) do
  local last, updates = numbers_in(entry[2])
  if last then
    local before = last - updates
    if before ~= (number or (is_beginning and before or 0)) then
      gap = note_gap(group_key, gap, id, entry[1], number and math.max(0, before - number) or 0)
    end
    number = last
  end
  id = entry[1]
end
if #entries > 0 then
  redis.call('HSET', group_key, 'id', id)
  if number then
    redis.call('HSET', group_key, 'number', string.format('%.0f', number))
  end
end
return { entries, gap, id }
