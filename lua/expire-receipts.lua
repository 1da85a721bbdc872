-- Sets the time to live of receipts, in several slots of one master.
--
-- KEYS  the first receipt, by whose slot the call is routed
-- ARGV  1     time to live in seconds
--       2 ..  the other receipts
-- Fails at one that is on another node, or on its way there: those before it expire then, and may be given a time to live again.
redis.call('EXPIRE', KEYS[1], ARGV[1])
for n = 2, #ARGV do
  redis.call('EXPIRE', ARGV[n], ARGV[1])
end
