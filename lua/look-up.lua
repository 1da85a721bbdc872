-- Redis' time, and what is recorded under idempotency keys, at one moment.
--
-- KEYS[1] what is announced, see `src/redis/announced.ts`
-- ARGV    the keys of receipts. Not in KEYS, since Redis would ask for the right to write them; they are on the one server
--
-- Answers with the latest time announced, the time in seconds and microseconds, and the receipts.

local time = redis.call('TIME')
return { redis.call('ZSCORE', KEYS[1], 'clock-ms'), time[1], time[2], redis.call('MGET', unpack(ARGV)) }
