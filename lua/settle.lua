-- Settles completed jobs: leaves a mark on each, and then cuts the life of its receipt. The mark is the job's
-- outcomes, in its progress. BullMQ hands the progress to every later attempt, whatever made it run again, and
-- that attempt answers with the mark instead of applying.
--
-- A job that has been sent to run again already has no return value: its receipt is all that protects it, and stays.
--
-- KEYS     the hash of each job, and then the receipt of each; no receipts where those lie in other slots
-- ARGV     1 life of a cut receipt in seconds
--          2 for each job '1' when its receipt may be cut, else '0', as one text
-- Returns  the second argument, with '0' also for each job whose receipt must stay as it is

local life, may_cut = ARGV[1], ARGV[2]
local jobs, cut = #may_cut, {}
for n = 1, jobs do
  local job_key, receipt_key = KEYS[n], KEYS[jobs + n]
  local outcomes = redis.call('HGET', job_key, 'returnvalue')
  if outcomes then
    redis.call('HSET', job_key, 'progress', '{"outcomes":' .. outcomes .. '}')
  end
  cut[n] = '0'
  if string.sub(may_cut, n, n) == '1' and (outcomes or redis.call('EXISTS', job_key) == 0) then
    cut[n] = '1'
    if receipt_key then
      redis.call('EXPIRE', receipt_key, life)
    end
  end
end
return table.concat(cut)
