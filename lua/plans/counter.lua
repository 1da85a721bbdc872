-- counter.increment
--   cells     1 the counter
--   args      1 by, 2 max or false
--   result    1 value
--   rejected  LIMIT_REACHED, detail: the value as it stands
-- counter.decrement
--   cells     1 the counter
--   args      1 by, 2 min or false
--   result    1 value
--   rejected  LIMIT_REACHED, detail: the value as it stands

local function increment(cells, args)
  local by, max = args[1], args[2]
  local value = cells[1] + by
  if max and value > max then
    return nil, 'LIMIT_REACHED', { cells[1] }
  end
  cells[1] = value
  return cells, cells
end

local function decrement(cells, args)
  local by, min = args[1], args[2]
  local value = cells[1] - by
  if min and value < min then
    return nil, 'LIMIT_REACHED', { cells[1] }
  end
  cells[1] = value
  return cells, cells
end

return { ['counter.increment'] = increment, ['counter.decrement'] = decrement }
