-- Takes over entries that subscribers of a group were given and did not acknowledge for so long that they are held for dead.
--
-- KEYS     1 the stream of outcomes
--          2 the hash of the group, see `lua/read-group.lua`: there stands what is missing, until somebody was told
-- ARGV     1 the group
--          2 the consumer that takes over
--          3 for how long nobody may have said that he is at work on an entry, in ms
--          4 how many entries at most
-- Returns  the entries, and how many are not in the stream any more: nobody can be told what was in these

local stream, group_key, group, consumer = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
local gap = redis.call('HGET', group_key, 'gap')
local taken, lost = {}, {}
for _, pending in ipairs(redis.call('XPENDING', stream, group, 'IDLE', ARGV[3], '-', '+', ARGV[4])) do
  local id = pending[1]
  if #redis.call('XRANGE', stream, id, id) == 0 then
    redis.call('XACK', stream, group, id)
    lost[#lost + 1] = id
  else
    taken[#taken + 1] = redis.call('XCLAIM', stream, group, consumer, ARGV[3], id)[1]
  end
end
if #lost > 0 then
  note_gap(group_key, gap, lost[1], lost[#lost], 0)
end
return { taken, #lost }
