-- Removes jobs that wait, those of them that do so still: one that a worker has taken meanwhile stays.
--
-- KEYS     1 BullMQ's list or sorted set of jobs that wait in one way
-- ARGV     1 first part of the keys of its jobs
--          2 'list' or 'zset'
--          3 .. ids, of a list those first that are taken next: each is found at once then
-- Returns  '1' for each job that was removed, else '0', as one text

local done = {}
for n = 3, #ARGV do
  local removed
  if ARGV[2] == 'list' then
    removed = redis.call('LREM', KEYS[1], -1, ARGV[n])
  else
    removed = redis.call('ZREM', KEYS[1], ARGV[n])
  end
  if removed == 1 then
    remove_job(nil, ARGV[1], ARGV[n])
  end
  done[#done + 1] = tostring(removed)
end
return table.concat(done)
