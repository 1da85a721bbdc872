-- inventory.reserve
--   cells     1 the stock, 2 all that is held of it, 3 what the reservation holds, 4 its end in ms, 5 how it ended
--   args      1 quantity, 2 ttlSeconds, 3 min, 4 replace
--   result    1 available, 2 held, 3 end
--   rejected  RESERVATION_EXISTS, details: held, end
--             INSUFFICIENT_STOCK, detail: what there is for it
-- inventory.extend
--   cells     1 the stock, 2 all that is held of it, 3 what the reservation holds, 4 its end in ms, 5 how it ended
--   args      1 ttlSeconds
--   result    1 held, 2 end
--   rejected  EXPIRED, ALREADY_CONFIRMED, ALREADY_RELEASED, UNKNOWN_RESERVATION
-- inventory.confirm
--   cells     1 the stock, 2 all that is held of it, 3 what the reservation holds, 4 its end in ms, 5 how it ended
--   args      1 quantity or false
--   result    1 confirmed, 2 available
--   rejected  EXPIRED, ALREADY_CONFIRMED, ALREADY_RELEASED, UNKNOWN_RESERVATION
--             INSUFFICIENT_STOCK, detail: held
-- inventory.release
--   cells     1 the stock, 2 all that is held of it, 3 what the reservation holds, 4 its end in ms, 5 how it ended
--   result    1 released, 2 available
--   rejected  EXPIRED, ALREADY_CONFIRMED, ALREADY_RELEASED, UNKNOWN_RESERVATION
-- inventory.expire
--   cells     the stock, all that is held of it; then of each reservation what it holds and its end; then of each how it ended
--   result    1 released, 2 available, 3 the earliest end of those that are still held
--             the third is left out when none is

-- The stock is what is available: what is held has been taken off it. All other cells are missing when nothing is held; the
-- last one is there for a day after the end. From its end on a hold counts as released, though its cells stay until
-- inventory.expire, or the next hold of its name, gives the stock back.

local CONFIRMED, RELEASED, EXPIRED = 1, 2, 3
local REASONS = { 'ALREADY_CONFIRMED', 'ALREADY_RELEASED', 'EXPIRED' }
local MAX_INTEGER = 9007199254740991

-- What is held in all is missing rather than 0.
local function unless_zero(total)
  return total ~= 0 and total or 'remove'
end

local function is_open(cells, now, missing)
  return not missing[3] and now < cells[4]
end

-- One that is over and was not given back yet is no other than one that was.
local function why_closed(cells, missing)
  return not missing[3] and 'EXPIRED' or REASONS[cells[5]] or 'UNKNOWN_RESERVATION'
end

-- Differences first: a sum beyond 2^53 would not be exact, and so could come back into range.
local function reserve(cells, args, now, missing)
  local stock, total, held = cells[1], cells[2], cells[3]
  local quantity, life, min, replaces = args[1], args[2], args[3], args[4]
  if is_open(cells, now, missing) and not replaces then
    return nil, 'RESERVATION_EXISTS', { held, cells[4] }
  end
  local available = stock + (held - quantity)
  if available < min then
    return nil, 'INSUFFICIENT_STOCK', { math.min(stock + held, MAX_INTEGER) }
  end
  local ends = now + life * 1000
  local closing = not missing[5] and 'remove' or nil
  return { available, unless_zero(total + (quantity - held)), quantity, ends, closing }, { available, quantity, ends }
end

local function extend(cells, args, now, missing)
  if not is_open(cells, now, missing) then
    return nil, why_closed(cells, missing)
  end
  local ends = now + args[1] * 1000
  return { nil, nil, nil, ends }, { cells[3], ends }
end

-- Ends a hold: what was not sold goes back.
local function close(cells, sold, how)
  local held = cells[3]
  local available = cells[1] + (held - sold)
  return { available, unless_zero(cells[2] - held), 'remove', 'remove', how }, available
end

local function confirm(cells, args, now, missing)
  if not is_open(cells, now, missing) then
    return nil, why_closed(cells, missing)
  end
  local sold = args[1] or cells[3]
  if sold > cells[3] then
    return nil, 'INSUFFICIENT_STOCK', { cells[3] }
  end
  local new_values, available = close(cells, sold, CONFIRMED)
  return new_values, { sold, available }
end

local function release(cells, _, now, missing)
  if not is_open(cells, now, missing) then
    return nil, why_closed(cells, missing)
  end
  local new_values, available = close(cells, 0, RELEASED)
  return new_values, { cells[3], available }
end

local function expire(cells, _, now, missing)
  local reservations = (#cells - 2) / 3
  local new_values, released, next_end = {}, 0, nil
  for n = 1, reservations do
    local quantity, ends = 2 * n + 1, 2 * n + 2
    local is_held = not missing[quantity]
    if is_held and now < cells[ends] then
      next_end = math.min(next_end or cells[ends], cells[ends])
    elseif is_held or not missing[ends] then -- an end that somebody left without a quantity goes, too
      new_values[quantity], new_values[ends] = 'remove', 'remove'
      if is_held then
        released = released + cells[quantity]
        new_values[2 + 2 * reservations + n] = EXPIRED
      end
    end
  end
  local available = cells[1] + released
  if released ~= 0 then
    new_values[1], new_values[2] = available, unless_zero(cells[2] - released)
  end
  return new_values, { released, available, next_end }
end

return {
  ['inventory.reserve'] = reserve,
  ['inventory.extend'] = extend,
  ['inventory.confirm'] = confirm,
  ['inventory.release'] = release,
  ['inventory.expire'] = expire,
}
