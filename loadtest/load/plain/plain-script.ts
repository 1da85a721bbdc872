/**
 * What a service without Tally would run for one update: its cells are checked and changed in one script.
 *
 * ARGV  1 how to take stock: 'add', 'floor' or 'reject'
 *       2 ... of each cell its key, its member or '', and the amount
 *
 * @returns what was taken of the stock, or -1 when there was too little; of other updates 0
 */
export const PLAIN_SCRIPT = `
local how = ARGV[1]
if how ~= 'add' then
  local stock, wanted = tonumber(redis.call('GET', ARGV[2]) or '0'), tonumber(ARGV[4])
  if how == 'reject' and stock < wanted then
    return -1
  end
  local taken = math.min(stock, wanted)
  redis.call('DECRBY', ARGV[2], taken)
  return taken
end
for n = 2, #ARGV, 3 do
  if ARGV[n + 1] == '' then
    redis.call('INCRBY', ARGV[n], ARGV[n + 2])
  else
    redis.call('ZINCRBY', ARGV[n], ARGV[n + 2], ARGV[n + 1])
  end
end
return 0
`;
