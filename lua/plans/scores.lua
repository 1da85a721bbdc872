-- scores.add
--   cells     the score of each entry
--   args      what to add to each score
--   result    the new score of each entry
-- scores.best
--   cells     1 the score
--   args      1 value, 2 true to keep the lowest
--   result    1 value, 2 improved
--             improved is 1 or 0

local function add(cells, args)
  for n = 1, #cells do
    cells[n] = cells[n] + args[n]
  end
  return cells, cells
end

local function best(cells, args, _, missing)
  local score, value, keeps_lowest = cells[1], args[1], args[2]
  local is_better = missing[1] or keeps_lowest and value < score or not keeps_lowest and value > score
  if not is_better then
    return {}, { score, 0 }
  end
  return { value }, { value, 1 }
end

return { ['scores.add'] = add, ['scores.best'] = best }
