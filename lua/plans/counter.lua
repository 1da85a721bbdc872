-- counter.increment
--   cells     1 the counter
--   args      1 by, 2 max or false, 3 true to add no more than fits
--   result    1 value, 2 applied
--             applied is left out when it is all of by
--   rejected  LIMIT_REACHED, detail: the value as it stands
-- counter.decrement
--   cells     1 the counter
--   args      1 by, 2 min or false, 3 true to subtract no more than fits
--   result    1 value, 2 applied
--             applied is left out when it is all of by
--   rejected  LIMIT_REACHED, detail: the value as it stands
-- counter.set
--   cells     1 the counter
--   args      1 value, 2 expected or false
--             true is expected of one that must be missing
--   result    1 value, 2 previous
--             previous is left out when it was missing
--   rejected  CHANGED, detail: the value found, none when it is missing
-- counter.remove
--   cells     1 the counter
--   args      1 expected or false
--             true is expected of one that must be missing
--   result    1 removed, 2 previous
--             removed is 1 or 0; previous is left out when it was missing
--   rejected  CHANGED, detail: the value found, none when it is missing

local function increment(cells, args)
  local before, by, max = cells[1], args[1], args[2]
  local value = before + by
  if max and value > max then
    if not args[3] then
      return nil, 'LIMIT_REACHED', { before }
    end
    by = math.max(0, max - before)
    cells[1] = before + by
    return cells, { cells[1], by }
  end
  cells[1] = value
  return cells, cells
end

local function decrement(cells, args)
  local before, by, min = cells[1], args[1], args[2]
  local value = before - by
  if min and value < min then
    if not args[3] then
      return nil, 'LIMIT_REACHED', { before }
    end
    by = math.max(0, before - min)
    cells[1] = before - by
    return cells, { cells[1], by }
  end
  cells[1] = value
  return cells, cells
end

local function is_as_expected(value, is_missing, expected)
  if not expected then
    return true
  end
  if is_missing then
    return expected == true
  end
  return value == expected
end

local function set(cells, args, _, missing)
  local previous = not missing[1] and cells[1] or nil
  if not is_as_expected(cells[1], missing[1], args[2]) then
    return nil, 'CHANGED', { previous }
  end
  cells[1] = args[1]
  return cells, { args[1], previous }
end

local function remove(cells, args, _, missing)
  local previous = not missing[1] and cells[1] or nil
  if not is_as_expected(cells[1], missing[1], args[1]) then
    return nil, 'CHANGED', { previous }
  end
  return { previous and 'remove' }, { previous and 1 or 0, previous }
end

return {
  ['counter.increment'] = increment,
  ['counter.decrement'] = decrement,
  ['counter.set'] = set,
  ['counter.remove'] = remove,
}
