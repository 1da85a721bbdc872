-- Leaves a mark on each completed job: its outcomes, in the job's progress. BullMQ hands the progress to every
-- later attempt, whatever made it run again, and that attempt answers with the mark instead of applying.
--
-- KEYS     the hash of each job
-- Returns  for each job 1 when its receipt may be cut: the mark is set, or the job is gone;
--          0 when the job has been sent to run again already, so that its receipt is all that protects it

local may_cut = {}
for n, job_key in ipairs(KEYS) do
  local outcomes = redis.call('HGET', job_key, 'returnvalue')
  if outcomes then
    redis.call('HSET', job_key, 'progress', '{"outcomes":' .. outcomes .. '}')
  end
  may_cut[n] = (outcomes or redis.call('EXISTS', job_key) == 0) and 1 or 0
end
return may_cut
