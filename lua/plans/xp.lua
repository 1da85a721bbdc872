-- xp.award
--   cells     1 the player's XP
--   args      1 amount
--   result    1 xp

local function award(cells, args)
  cells[1] = cells[1] + args[1]
  return cells, cells
end

return { ['xp.award'] = award }
