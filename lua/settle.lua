-- Settles completed jobs: leaves a mark on each, and then cuts the life of its receipt. The mark is the job's
-- outcomes, in its progress. BullMQ hands the progress to every later attempt, whatever made it run again, and
-- that attempt answers with the mark instead of applying.
--
-- A job that has been sent to run again already has no return value: its receipt is all that protects it, and stays.
--
-- KEYS     for each job its hash and its receipt, in turn
-- ARGV     1 life of a cut receipt in seconds
--          2 for each job '1' when its receipt may be cut, else '0', as one text

local life, may_cut = ARGV[1], ARGV[2]
for n = 1, #KEYS / 2 do
  local job_key, receipt_key = KEYS[2 * n - 1], KEYS[2 * n]
  local outcomes = redis.call('HGET', job_key, 'returnvalue')
  if outcomes then
    redis.call('HSET', job_key, 'progress', '{"outcomes":' .. outcomes .. '}')
  end
  if string.sub(may_cut, n, n) == '1' and (outcomes or redis.call('EXISTS', job_key) == 0) then
    redis.call('EXPIRE', receipt_key, life)
  end
end
