-- Finds jobs that another program completed, in one page of the completed ones. Those that `lua/settle.lua` has marked, which end on
-- half a millisecond, are passed over unread: what a page costs is what is left.
--
-- Of BullMQ it knows the fields `returnvalue` and `progress` of a job's hash: asserted in `test/bullmq`.
--
-- KEYS     1 BullMQ's sorted set of completed jobs
-- ARGV     1 first part of the keys of its jobs
--          2 how many to pass over, from the latest
--          3 how many to look at
-- Returns  how many were looked at; then the id of each that was found, and when it ended

local page = redis.call('ZREVRANGE', KEYS[1], ARGV[2], ARGV[2] + ARGV[3] - 1, 'WITHSCORES')
local found = { #page / 2 }
for n = 1, #page, 2 do
  if tonumber(page[n + 1]) % 1 ~= 0.5 then
    local returned = redis.call('HGET', ARGV[1] .. page[n], 'returnvalue')
    local progress = redis.call('HGET', ARGV[1] .. page[n], 'progress')
    local is_own = returned and string.sub(returned, 1, 7) == '"tally/'
    local is_marked = progress and string.find(progress, '"outcomes":"tally/', 1, true)
    if returned and not is_own and not is_marked then
      found[#found + 1] = page[n]
      found[#found + 1] = page[n + 1]
    end
  end
end
return found
