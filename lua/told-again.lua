-- Lets go of the events that a group is to be told again.
--
-- KEYS     1 the list of them
--          2 who has them in hand
-- ARGV     1 the consumer
--          2 the event that it was told, which goes; "" when it was told none
-- Returns  1

if ARGV[2] ~= '' then
  redis.call('LREM', KEYS[1], -1, ARGV[2])
end
if redis.call('GET', KEYS[2]) == ARGV[1] then
  redis.call('DEL', KEYS[2])
end
return 1
