-- Removes jobs that have ended, those of them that are as they were read: one that somebody has retried since waits, or has ended
-- at another time, and stays.
--
-- KEYS     1 BullMQ's sorted set of jobs that ended in one way
-- ARGV     1 first part of the keys of its jobs
--          2 .. the id of each job, and then its score as it was read
-- Returns  '1' for each job that was removed, else '0', as one text

local done = {}
for n = 2, #ARGV, 2 do
  local score = redis.call('ZSCORE', KEYS[1], ARGV[n])
  local is_same = score and tonumber(score) == tonumber(ARGV[n + 1])
  if is_same then
    remove_job(KEYS[1], ARGV[1], ARGV[n])
  end
  done[#done + 1] = is_same and '1' or '0'
end
return table.concat(done)
