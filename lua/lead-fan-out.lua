-- One process at a time hands the outcomes in the stream out to webhooks: takes or renews the lead, and notes how far it has come.
-- One that lost the lead without knowing can't set back what the next one has noted.
--
-- KEYS  1  hash: leader, until-ms, cursor
-- ARGV  1  the process
--       2  for how many ms the lead lasts
--       3  the cursor to note; empty for none
-- Returns the cursor, empty if none was noted; nil when another process leads.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stored = redis.call('HMGET', KEYS[1], 'leader', 'until-ms', 'cursor')
if stored[1] and stored[1] ~= ARGV[1] and tonumber(stored[2]) > now then
  return false
end
redis.call('HSET', KEYS[1], 'leader', ARGV[1], 'until-ms', string.format('%.0f', now + ARGV[2]))
if ARGV[3] ~= '' then
  redis.call('HSET', KEYS[1], 'cursor', ARGV[3])
  return ARGV[3]
end
return stored[3] or ''
