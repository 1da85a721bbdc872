-- Reads strings in several slots of one master, key by key: MGET over several slots is refused.
--
-- KEYS     1 the first, by whose slot the call is routed
-- ARGV     the others
-- Returns  their texts, in order
-- Fails at one that is on another node, or, in a slot that moves, not here.

local texts = { redis.call('GET', KEYS[1]) }
for n = 1, #ARGV do
  texts[n + 1] = redis.call('GET', ARGV[n])
end
return texts
