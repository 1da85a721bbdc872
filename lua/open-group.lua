-- Makes a group of subscribers, unless there is one. One that was removed by hand, or with the stream, goes on where it was.
--
-- KEYS     1 the stream of outcomes
--          2 the hash of the group: "id" and "number" of the last entry that it was given, see `lua/read-group.lua`
-- ARGV     1 the group
--          2 where it begins: "now", "beginning", "first" or a time in ms. What was removed before the "beginning" is not missing, what
--            was before the "first" is

local stream, group_key, group, start = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
local id, number = redis.call('HGET', group_key, 'id'), nil
local is_new = not id
if is_new and (start == 'beginning' or start == 'first') then
  id, number = '0-0', start == 'first' and 0
elseif is_new then
  local before = start == 'now' and '+' or string.format('%.0f-18446744073709551615', start - 1)
  local told, last_id = last_told(stream, before)
  if not told then
    return redis.error_reply(last_id)
  end
  local is_empty = not last_id and #redis.call('XREVRANGE', stream, '+', '-', 'COUNT', '1') == 0
  id = last_id or (is_empty and '0-0') or before
  number = (last_id or is_empty) and told
end
local made = redis.pcall('XGROUP', 'CREATE', stream, group, id, 'MKSTREAM')
if made.err then
  return string.find(made.err, 'BUSYGROUP', 1, true) and 0 or redis.error_reply(made.err)
end
if is_new then
  redis.call('HSET', group_key, 'id', id)
  if number then
    redis.call('HSET', group_key, 'number', string.format('%.0f', number))
  end
end
return 1
