-- Sets the time to live of receipts, in several slots of one master. Their names are made here: each differs by the hash tag alone.
--
-- KEYS  1     the first receipt, by whose slot the call is routed
-- ARGV  1     time to live in seconds
--       2 ..  for each job what stands before and after the tag, and the tags, joined by ','
-- Fails at one that is on another node, or on its way there: those before it expire then, and may be given a time to live again.

local call, seconds = redis.call, ARGV[1]
for n = 2, #ARGV, 3 do
  local before, after = ARGV[n], ARGV[n + 1]
  for tag in string.gmatch(ARGV[n + 2], '[^,]+') do
    call('EXPIRE', before .. tag .. after, seconds)
  end
end
