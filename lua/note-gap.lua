-- Counts in the hash of a group of subscribers that something is missing, and notes it until somebody was told: "gap" is of all that
-- nobody was told of yet. See `lua/read-group.lua`; it is put into the scripts that find such.
local function comes_before(one, other)
  local ms, sequence = string.match(one, '^(%d+)-(%d+)$')
  local other_ms, other_sequence = string.match(other, '^(%d+)-(%d+)$')
  if ms == other_ms then
    ms, other_ms = sequence, other_sequence
  end
  return #ms < #other_ms or (#ms == #other_ms and ms < other_ms) -- too long for a number
end

-- `updates` are 0 where it is not known how many; `gap` is what was noted so far, if anything. Returns what is noted now.
local function note_gap(group_key, gap, from_id, to_id, updates)
  local lost = updates > 0 and string.format('%.0f', updates) or '-'
  if updates > 0 then
    redis.call('HINCRBY', group_key, 'lost', lost)
  end
  redis.call('HINCRBY', group_key, 'gaps', '1')
  if gap then
    local other_from, other_to, other_lost = string.match(gap, '^(%S+) (%S+) (%S+)$')
    from_id = comes_before(other_from, from_id) and other_from or from_id
    to_id = comes_before(to_id, other_to) and other_to or to_id
    lost = tonumber(other_lost) and tonumber(lost) and string.format('%.0f', other_lost + lost) or '-'
  end
  gap = from_id .. ' ' .. to_id .. ' ' .. lost
  redis.call('HSET', group_key, 'gap', gap)
  return gap
end

