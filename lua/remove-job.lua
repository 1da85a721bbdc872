-- Removes a job, also from the sorted set in which it stands if that is named, with all that BullMQ keeps of it: what its own `remove` deletes, and what a deduplication keeps by
-- the id in the field `deid`, asserted in `test/bullmq`. Joined in front of the scripts that call it.

local function remove_job(set_key, start, id)
  local key = start .. id
  local deduplication_id = redis.call('HGET', key, 'deid')
  if deduplication_id and redis.call('GET', start .. 'de:' .. deduplication_id) == id then
    redis.call('DEL', start .. 'de:' .. deduplication_id, start .. 'dn:' .. deduplication_id)
  end
  redis.call('DEL', key, key .. ':logs', key .. ':dependencies', key .. ':processed', key .. ':failed', key .. ':unsuccessful')
  if set_key then
    redis.call('ZREM', set_key, id)
  end
end

