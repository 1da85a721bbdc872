-- scores.add
--   cells     the score of each entry
--   args      what to add to each score
--   result    the new score of each entry

local function add(cells, args)
  local scores = {}
  for n = 1, #cells do
    scores[n] = cells[n] + args[n]
  end
  return scores, scores
end

return { ['scores.add'] = add }
