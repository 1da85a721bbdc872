-- The number of the last update of an entry in a stream of outcomes, among all that were ever told, and how many updates it has;
-- see `src/jobs/told.ts`. Nil for what Tally did not write. It is put into the scripts that write or read the stream.
local function numbers_in(fields)
  local number, updates = string.match(fields and fields[2] or '', '^%d+ (%d+) %d+ (%d+) ')
  return tonumber(number), tonumber(updates)
end

-- The number of the last update that was told, 0 for none, and the id of its entry; nil, and what Redis says, where the stream can't
-- be read.
local function last_told(stream, before)
  local last = redis.pcall('XREVRANGE', stream, before or '+', '-', 'COUNT', '1')
  if last.err then
    return nil, last.err
  end
  return last[1] and numbers_in(last[1][2]) or 0, last[1] and last[1][1]
end
