import { createHash } from 'node:crypto';

/** Adds to cells, all or none: what a BullMQ worker without Tally would run. ARGV: kind, key, name, amount of each. */
export const ADD_SCRIPT = `
for n = 1, #ARGV, 4 do
  local kind, key, name, by = ARGV[n], ARGV[n + 1], ARGV[n + 2], ARGV[n + 3]
  if kind == 'hash' then
    redis.call('HINCRBY', key, name, by)
  elseif kind == 'zset' then
    redis.call('ZINCRBY', key, by, name)
  else
    redis.call('INCRBY', key, by)
  end
end
return 'OK'
`;

export const ADD_SHA = createHash('sha1').update(ADD_SCRIPT).digest('hex');
