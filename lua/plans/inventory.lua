-- inventory.take
--   cells     1 the stock
--   args      1 quantity, 2 true to reject when short
--   result    1 available, 2 taken
--   rejected  INSUFFICIENT_STOCK, detail: available
-- inventory.restock
--   cells     1 the stock
--   args      1 quantity
--   result    1 available
-- inventory.takeAll
--   cells     the stock of each item
--   args      the quantity of each item
--   result    available of each item
--   rejected  INSUFFICIENT_STOCK, details: number of the item and what is available, for each short item
-- inventory.count
--   cells     1 the stock, 2 all that is held of it
--   args      1 counted, 2 true when what is held was counted, too, 3 expected or false
--             true is expected of one that must be missing
--   result    1 available, 2 difference, 3 held
--   rejected  CHANGED, detail: what is available, none when it is missing
--             BELOW_HELD, detail: what is held

local function take(cells, args)
  local stock, quantity, reject_when_short = cells[1], args[1], args[2]
  if reject_when_short and stock < quantity then
    return nil, 'INSUFFICIENT_STOCK', { stock }
  end
  local taken = math.max(0, math.min(stock, quantity)) -- stock that another service made negative stays as it is
  cells[1] = stock - taken
  args[1], args[2] = cells[1], taken
  return cells, args
end

local function restock(cells, args)
  cells[1] = cells[1] + args[1]
  return cells, cells
end

local function take_all(cells, args)
  local left, short = {}, {}
  for n = 1, #cells do
    left[n] = cells[n] - args[n]
    if left[n] < 0 then
      short[#short + 1] = n
      short[#short + 1] = cells[n]
    end
  end
  if #short > 0 then
    return nil, 'INSUFFICIENT_STOCK', short
  end
  return left, left
end

local function count(cells, args, _, missing)
  local stock, held, counted, is_on_hand, expected = cells[1], cells[2], args[1], args[2], args[3]
  if expected and (missing[1] and expected ~= true or not missing[1] and expected ~= stock) then
    return nil, 'CHANGED', { not missing[1] and stock or nil }
  end
  if is_on_hand and counted < held then
    return nil, 'BELOW_HELD', { held }
  end
  local available = is_on_hand and counted - held or counted
  local difference = available - stock
  if difference > 9007199254740991 then
    return { difference }, {} -- no integer in range: the frame refuses it as one
  end
  return { available }, { available, difference, held }
end

return {
  ['inventory.take'] = take,
  ['inventory.restock'] = restock,
  ['inventory.takeAll'] = take_all,
  ['inventory.count'] = count,
}
