-- xp.award
--   cells     1 the player's XP
--   args      1 amount
--   result    1 xp
-- xp.take
--   cells     1 the player's XP
--   args      1 amount, 2 min
--   result    1 xp, 2 taken

local function award(cells, args)
  cells[1] = cells[1] + args[1]
  return cells, cells
end

local function take(cells, args)
  local taken = math.max(0, math.min(args[1], cells[1] - args[2])) -- XP that is below min already stays as it is
  cells[1] = cells[1] - taken
  args[1], args[2] = cells[1], taken
  return cells, args
end

return { ['xp.award'] = award, ['xp.take'] = take }
