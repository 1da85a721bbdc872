-- scores.add
--   cells     the score of each entry
--   args      what to add to each score
--   result    the new score of each entry

local function add(cells, args)
  for n = 1, #cells do
    cells[n] = cells[n] + args[n]
  end
  return cells, cells
end

return { ['scores.add'] = add }
