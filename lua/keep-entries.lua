-- Says that a subscriber is still at work on entries. Of those that others have taken over meanwhile it takes none back.
--
-- KEYS     1 the stream of outcomes
-- ARGV     1 the group
--          2 the consumer
--          3 for how long the entries shall seem to have been idle, in ms: 0 to keep them, much to let go of them
--          4 .. the ids of the entries
-- Returns  the ids of those that it still has. What was removed from the stream stays as it is: claimed, Redis would let go of it, and nobody
--          would hear that it is missing if the subscriber dies

local stream, group, consumer = KEYS[1], ARGV[1], ARGV[2]
local kept = {}
for n = 4, #ARGV do
  if #redis.call('XPENDING', stream, group, ARGV[n], ARGV[n], '1', consumer) > 0 then
    if #redis.call('XRANGE', stream, ARGV[n], ARGV[n]) > 0 then
      redis.call('XCLAIM', stream, group, consumer, '0', ARGV[n], 'IDLE', ARGV[3], 'JUSTID')
    end
    kept[#kept + 1] = ARGV[n]
  end
end
return kept
