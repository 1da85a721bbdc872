-- Applies one job: read, plan, receipt, write.
--
-- The loader puts the plans of all operations in the place marked below, so that this is one script. A plan
-- is a pure function on integers:
--
--   plan(cells, args, now, missing)  ->  new values, result numbers     (nil leaves that cell alone, 'remove' removes it)
--                                    ->  nil, 'REJECTION_CODE', detail numbers
--
-- `now` is Redis' time of the call in ms; `missing` says true in the place of each cell that is missing, and counts as 0.
-- The tables are the plan's own to change, and may be what it returns: tables made for each update would be a
-- third of the script's time.
--
-- A job of one update is as frequent as a large batch, and for it the making of functions is most of the time: what
-- few jobs need makes its functions inside a block of its own.
--
-- In a Cluster one call applies what a job has in several slots of one master, see `crossSlotScript`. Each slot has its own
-- receipt, which answers for it alone, and whose name is made here: a job has hundreds of slots, and what is sent for each costs. A key may then be on another node, or on its way there, and Redis says so when a
-- command meets it: so all that is written is read before the first write, key by key, as commands over several slots are
-- refused. And Redis makes sure of the rights on keys in KEYS only: so it is asked about each that will be written.
--
-- KEYS  1             receipt of the job
--       2 .. s+1      keys of the job's s string cells, each once; string cell c is KEYS[c + 1]
--       then          keys of its hashes and sorted sets, each once
--       then          receipts of its idempotency keys
--       then          histories: of the string cells, the cells of hashes, those of sorted sets, in this order
--       then          unless there are several slots: what is announced, and the other name that the receipt of the job may
--                     have, see "request"
--       last          the stream of outcomes, when they are told
-- ARGV  1             lease: Redis time in ms after which this attempt may not write
--       2             JSON, see "request"
--       3             head of the job's record: "tally/form digest "
--       4 ..          with several slots, all keys after the first: KEYS[1] is what the call is routed by;
--       last          when outcomes are told, the fields "c" and "d" of the entry
--
-- request.strings         number of string cells
-- request.hashes          { { index into KEYS, { cell, ... }, { field, ... } }, ... }; absent when there are none
-- request.sortedSets      { { index into KEYS, { cell, ... }, { member, ... } }, ... }; absent when there are none
-- request.updates         number of updates
-- request.part            true when the job has more updates, in other slots; absent when these are all
-- request.refused         { { update number, outcome }, ... }: updates that this worker can't apply, which have no steps;
--                         absent when it can apply all
-- request.steps           of transactions: the number of steps of each update; absent when each has one
-- request.shapes          what steps are like: { operation = name, cells = how many, args = how many, ttl = seconds or false,
--                         renew = true to set that ttl at every update; absent when only at one that creates a cell,
--                         late = true when they are rejected, TOO_LATE; absent when not,
--                         ttlFrom = the first of its cells that gets the ttl; absent when all do }. The ttl of a field or member is
--                         that of its key, which is a bucket
-- request.shapeOfStep     the number of the shape of each step; absent when all have the first
-- request.cells           the cells of all steps, one after the other
-- request.args            the arguments of all steps, one after the other
-- request.keyed           of the updates with idempotency keys: { updates = their numbers, firstKey = index into KEYS of the first
--                         receipt, fingerprints, slots, idHead and idTails = the halves of their ids }; absent when none is
-- request.form            version of the job's form, in which receipts are written
-- request.newestForm      the newest version that this worker can read
-- request.sentAtMs        Redis time of the look-up before which the job was sent; absent when it has no stamp
-- request.windowMs        how long after that its keyed updates may be applied
-- request.leastWindowMs   receipts of keys live for at least so long
-- request.announced       index into KEYS: a sorted set with the members "window-ms" and "clock-ms", the largest window and
--                         the latest time under this namespace
-- request.clockMs         the latest time that was known to be announced when the attempt began; absent for none
-- request.slots           absent for a single slot, else the updates of a slot follow each other, and
--   .tags                 the hash tags of the slots, joined by ','
--   .updates              the number of updates of each slot; absent when each has one
--   .clocksMs             clockMs of each slot, or false; absent when there is none
--   .receipt, .announced  the names of a slot's receipt, and of what is announced there: what stands before and after its tag
--   .other                the same of otherReceipt; absent when there is none
-- request.ranBefore       true when an earlier attempt may have left receipts; absent for the first
-- request.applyUntilMs    latest time at which the job may be applied: a receipt of it may be gone then; absent without a stamp
-- request.otherReceipt    index into KEYS: the receipt of the job if the version was put into or out of its data since
-- request.leaseLengthMs   a lease lies at most twice so far ahead, else Redis' clock was set back since it was given
-- request.receiptSeconds  life of the job receipt until the job is settled
-- request.history         absent when no cell has one, else
--   .firstKey             index into KEYS of the first history
--   .entries              entries that a history keeps: one number when all keep as many, or a list with one for each
--                         history, false for a cell without
--   .lifeSeconds          life of a history after its latest entry
--   .source               "job-id operation"
-- request.told            absent when outcomes are not told; else
--   .stream               index into KEYS of the stream
--   .key                  in its place, on a Cluster with a single slot: its key, in another slot of this master
--   .form                 version of the entry's form
--   .source               "id operation": with what the ids of its updates begin
--   .indexes              the places of the updates in the job, joined by ','; absent when these are all, in order
--
-- Returns the record of the job, or a list of those in its slots, the text that its receipt keeps: the head, then the outcomes of all updates joined by ';':
--   5            applied; result numbers joined by ','; those of a transaction's updates joined by '|'
--   !CODE,1,2    rejected by the plan, with its detail numbers
--   ?CODE,1      failed: nothing was written; the number is the cell, counted within the update
--   !2:CODE ...  the same, because of the second update of a transaction
--   #            cancelled: only in receipts, where `lua/cancel.lua` was first
--   *CODE        unknown: it can't be told whether it was applied earlier, so it is not applied now
--   =OUTCOME     the outcome recorded earlier under the same idempotency key
--   ~            conflict: that idempotency key was used for another update
-- Errors: LEASE_EXPIRED, TOO_OLD, UNSTAMPED, NEWER_FORM, and those of Redis itself (OOM, READONLY, ...). All of them come before or at
-- the first write, so an error means that nothing was written.

-- First of all, so that no plan can see or change the names below.
local function make_plan(operation)
  --{{plans}}
end

local MAX_INTEGER = 9007199254740991 -- 2^53 - 1: beyond it doubles, and so Lua numbers, are not exact
local MAX_CACHED = 9999 -- texts of larger numbers hardly repeat within a job, and to keep one costs a third of making it
local MAX_DIGITS_CACHED = 4
local MAX_UNPACK = 4000 -- unpack() fails near 8,000 values (LUAI_MAXCSTACK)
local CLOCK_STEP_MS = 300000 -- how far the announced time may lag behind, see src/redis/announced.ts
local KEY_RECEIPT_MARGIN_MS = 600000 -- what the receipt of a key lives longer than its window: more than that lag

local type, tonumber, floor, format, find, concat = type, tonumber, math.floor, string.format, string.find, table.concat
local call = redis.call
local KEYS = KEYS -- a global is dearer to reach

local now = call('TIME')
local now_ms = now[1] * 1000 + floor(now[2] / 1000)
local lease_ms = tonumber(ARGV[1])
local request = cjson.decode(ARGV[2])

-- What has a receipt of its own: the job, or what it has in one slot. Each table is made with the fields that all of them will
-- have, since one that grows is dearer; in a Cluster there is one for nearly each update.
local places
local slots = request.slots
local records_of_slots
if slots then
  local keys = { KEYS[1] }
  for n = 4, #ARGV do
    keys[n - 2] = ARGV[n]
  end
  KEYS = keys
  places = {}
  local counts, last, count = slots.updates, 0, 0
  local before_receipt, after_receipt = slots.receipt[1], slots.receipt[2]
  local before_announced, after_announced = slots.announced[1], slots.announced[2]
  for tag in string.gmatch(slots.tags, '[^,]+') do
    count = count + 1
    local first = last + 1
    last = last + (counts and counts[count] or 1)
    places[count] = {
      first = first,
      last = last,
      receipt = before_receipt .. tag .. after_receipt,
      announced = before_announced .. tag .. after_announced,
      record = false,
      is_new = false,
      tag = tag,
    }
  end
  records_of_slots = function()
    local records = {}
    for n = 1, #places do
      records[n] = places[n].record
    end
    return records
  end
else
  places = {
    {
      first = 1,
      last = request.updates,
      receipt = KEYS[1],
      announced = KEYS[request.announced],
      record = false,
      is_new = false,
      announced_window_ms = 0,
      announced_clock_ms = 0,
      time_ms = 0,
      receipt_seconds = 0,
      is_kept_on = false,
    },
  }
end

-- In most slots of a Cluster nothing is announced, and a first attempt finds no receipt: one command tells both, and then Redis'
-- own time is what counts.
local expects_nothing = slots and not request.keyed and not request.ranBefore

-- The receipts, if an earlier attempt applied it.
local answered, lease_is_over, is_too_old, finds_nothing = 0, false, false, false
for n = 1, #places do
  local place = places[n]
  if expects_nothing and call('EXISTS', place.receipt, place.announced) == 0 then
    finds_nothing = true
  else
    -- The time that ages are reckoned in: Redis' own, but never set back.
    local scores = call('ZMSCORE', place.announced, 'window-ms', 'clock-ms')
    local announced_clock_ms = tonumber(scores[2] or 0)
    local time_ms = math.max(now_ms, announced_clock_ms)
    place.announced_window_ms, place.announced_clock_ms = tonumber(scores[1] or 0), announced_clock_ms
    place.time_ms, place.receipt_seconds = time_ms, request.receiptSeconds + math.ceil((time_ms - now_ms) / 1000)

    -- A lease that was over once stays so when the clock is set back: who relies on it announces the time.
    local known_clock_ms, other = request.clockMs, request.otherReceipt and KEYS[request.otherReceipt]
    if slots then
      known_clock_ms = slots.clocksMs and slots.clocksMs[n]
      other = slots.other and slots.other[1] .. place.tag .. slots.other[2]
    end
    local within_lease = now_ms <= lease_ms
      and now_ms >= lease_ms - 2 * request.leaseLengthMs
      and announced_clock_ms <= math.max(lease_ms, known_clock_ms or 0)

    local record = call('GET', place.receipt)
    place.is_kept_on = record and within_lease
    if not record and other then
      record = call('GET', other)
    end
    if record then
      place.record = record
      answered = answered + 1
    else
      lease_is_over = lease_is_over or not within_lease
      is_too_old = is_too_old or request.applyUntilMs and time_ms > request.applyUntilMs
    end
  end
end
if finds_nothing then
  lease_is_over = lease_is_over or now_ms > lease_ms or now_ms < lease_ms - 2 * request.leaseLengthMs
  is_too_old = is_too_old or request.applyUntilMs and now_ms > request.applyUntilMs
end

-- A receipt that is there stays, whatever becomes of the rest.
if answered > 0 then
  for n = 1, #places do
    if places[n].is_kept_on then
      local kept = redis.pcall('EXPIRE', places[n].receipt, places[n].receipt_seconds)
      if type(kept) == 'table' then
        return redis.error_reply(kept.err .. '; what was applied before can not be told now')
      end
    end
  end
  if answered == #places then
    return slots and records_of_slots() or places[1].record
  end
end
if lease_is_over then
  return redis.error_reply('LEASE_EXPIRED this attempt came too late to write; nothing was written')
end

if request.ranBefore and not request.applyUntilMs then
  return redis.error_reply('UNSTAMPED the job ran before, and does not say when it was sent')
end
if is_too_old then
  return redis.error_reply('TOO_OLD the job is so old that it may have been applied before, and its receipt be gone by now')
end

-- Read. Values live here until the write, so a later update sees the ones before.
local values = {} -- number by cell, false for one with a problem; a missing cell counts as 0
local value_before = {} -- the same, as this job found it
local missing = {} -- true by cell
local problems = {} -- code by cell, for cells that no update can be applied to
local kinds = {} -- kind by key, so that one job can't create a key as two kinds

local string_count = request.strings
local hashes, sorted_sets = request.hashes, request.sortedSets

local integers = {} -- by text, of short ones: they repeat

local told = request.told
local before_texts = told and {} -- by cell, of the values that this job found: '' of a missing one, '?' of one with a problem

-- The number of a cell that holds a text; false if it is none. Redis' own form only: ' 1', '+1', '01', '1e3' and '0x10' are
-- numbers to Lua, but not integers to INCRBY.
local function read_integer(cell, text)
  if text == '0' or find(text, '^%-?[1-9]%d*$') then
    local number = text + 0
    if number <= MAX_INTEGER and number >= -MAX_INTEGER then
      if #text <= MAX_DIGITS_CACHED then
        integers[text] = number
      end
      return number
    end
  end
  problems[cell] = 'NOT_AN_INTEGER'
  return false
end

-- What Redis says to the script of a user without rights, up to 7.0 and since.
local function is_refusal(text)
  return find(text, "^ERR The user executing the script can't") or find(text, '[nN]o permissions')
end

-- Whether the worker's user may run a command that is to write. EVALSHA itself makes sure of what is in KEYS, but not of the
-- commands, and a write must not be the first to find out. Before Redis 7 one can only try: so the arguments must be
-- some that the command refuses, as it does after its rights were checked.
local is_allowed = redis.acl_check_cmd
  or function(command, ...)
    return not is_refusal(redis.pcall(command, ...).err)
  end

-- A string with a TTL is created by SET, which the receipts need as well.
local shapes = request.shapes
local has_ttl, renews_ttl = false, false
for n = 1, #shapes do
  has_ttl, renews_ttl = has_ttl or shapes[n].ttl, renews_ttl or shapes[n].renew
end
local function may_write_string(key)
  return is_allowed('INCRBY', key, 'x')
    and (not has_ttl or is_allowed('SET', key, 'x', 'x'))
    and (not renews_ttl or is_allowed('EXPIRE', key, 'x'))
end
local may_write_strings = slots or string_count == 0 or may_write_string(KEYS[2])

local read_texts
local is_wrong -- with several slots: true by string cell that holds something else
local forbidden -- string cells in several slots that this user may not write
if slots then
  is_wrong, forbidden = {}, {}
  local try = redis.pcall
  -- What MGET would answer for cells, and anything for those that may not be written.
  read_texts = function(first, last)
    local texts = {}
    for cell = first, last do
      local key, text = KEYS[cell + 1], 'forbidden'
      if may_write_string(key) then
        text = try('GET', key)
        if type(text) == 'table' then
          if not find(text.err, 'WRONGTYPE', 1, true) then
            error(text)
          end
          text, is_wrong[cell] = false, true
        end
      else
        forbidden[#forbidden + 1] = cell
      end
      texts[cell - first + 1] = text
    end
    return texts
  end
end

-- The number of a string cell for which MGET has no text.
local function read_nothing(cell)
  local is_missing
  if is_wrong then
    is_missing = not is_wrong[cell]
  else
    is_missing = call('EXISTS', KEYS[cell + 1]) == 0
  end
  if is_missing then
    missing[cell] = true
    return 0
  end
  problems[cell] = 'WRONG_TYPE'
  return false
end

for first = 1, string_count, MAX_UNPACK do
  local last = math.min(first + MAX_UNPACK - 1, string_count)
  -- Texts, whose places the numbers take.
  local numbers = read_texts and read_texts(first, last) or call('MGET', unpack(KEYS, first + 1, last + 1))
  local texts = told and { unpack(numbers) }
  for n = 1, last - first + 1 do
    local cell, text = first + n - 1, numbers[n]
    if may_write_strings then
      numbers[n] = integers[text] or text and read_integer(cell, text) or not text and read_nothing(cell)
    else
      numbers[n], problems[cell] = false, 'NOPERM'
    end
  end
  if texts then
    for n = 1, #texts do
      before_texts[first + n - 1] = numbers[n] and (texts[n] or '') or '?'
    end
  end
  if first == 1 then
    values, value_before = numbers, { unpack(numbers) } -- tables that grow cell by cell are dearer
  else
    for n = 1, #numbers do
      values[first + n - 1], value_before[first + n - 1] = numbers[n], numbers[n]
    end
  end
end

if forbidden then
  for _, cell in ipairs(forbidden) do
    problems[cell] = 'NOPERM'
  end
end

if hashes or sorted_sets then
  for cell = 1, string_count do
    if not problems[cell] then
      kinds[KEYS[cell + 1]] = 'string'
    end
  end

  -- A score is a double, and some versions print a large one as 5e+15.
  local function read_score(cell, text)
    local number = tonumber(text)
    if number and number % 1 == 0 and number <= MAX_INTEGER and number >= -MAX_INTEGER then
      return number
    end
    problems[cell] = 'NOT_AN_INTEGER'
    return false
  end

  local may_write = {} -- by kind, of the latest key that was asked about: with a single slot, the first speaks for all
  local function ask_for(kind, key)
    if slots or may_write[kind] == nil then
      if kind == 'hash' then
        may_write.hash = is_allowed('HINCRBY', key, '0', 'x')
      else
        may_write.zset = is_allowed('ZADD', key, 'x', '0')
      end
      if has_ttl and may_write[kind] then
        may_write[kind] = is_allowed('EXPIRE', key, 'x') and type(redis.pcall('PTTL', key)) == 'number'
      end
    end
  end

  local function read_group(kind, command, group, read)
    local key, group_cells, names = KEYS[group[1]], group[2], group[3]
    ask_for(kind, key)
    for first = 1, #group_cells, MAX_UNPACK do
      local last = math.min(first + MAX_UNPACK - 1, #group_cells)
      local texts = redis.pcall(command, key, unpack(names, first, last))
      local problem = not may_write[kind] and 'NOPERM' or (kinds[key] or kind) ~= kind and 'WRONG_TYPE'
      if texts.err and not problem then
        problem = string.match(texts.err, 'WRONGTYPE') and 'WRONG_TYPE' or is_refusal(texts.err) and 'NOPERM'
        if not problem then
          error(texts)
        end
      end
      if not problem then
        kinds[key] = kind
      end
      for n = first, last do
        local cell, text, number = group_cells[n], not problem and texts[n - first + 1], false
        if problem then
          problems[cell] = problem
        elseif text then
          number = read(cell, text)
        else
          number, missing[cell] = 0, true
        end
        values[cell], value_before[cell] = number, number
        if told then
          before_texts[#before_texts + 1] = number and (text and format('%d', number) or '') or '?'
        end
      end
    end
  end

  for _, group in ipairs(hashes or {}) do
    read_group('hash', 'HMGET', group, read_integer)
  end
  for _, group in ipairs(sorted_sets or {}) do
    read_group('zset', 'ZMSCORE', group, read_score)
  end
end

-- Plan.
local created_ttl = {} -- by cell that an update of this job creates: its ttl in seconds, false for none
local renewed_ttl = {} -- by cell: the ttl in seconds that is set whether it is new or not
local removed = {} -- by cell that was there and that an update of this job removes: the value before; a later one may create it anew

-- False for what is not a number, not whole, infinite, or beyond the limit.
local function is_integer_in_range(value)
  return type(value) == 'number' and value % 1 == 0 and value >= -MAX_INTEGER and value <= MAX_INTEGER
end

local integer_texts = {} -- by number, of small ones: amounts repeat, and a look-up costs a tenth of formatting

-- The text of an integer in range, nil for everything else.
local function integer_text(value)
  local text = integer_texts[value]
  if not text and is_integer_in_range(value) then
    text = format('%d', value) -- exact, and 0 for -0; tostring keeps 14 digits
    if value <= MAX_CACHED and value >= -MAX_CACHED then
      integer_texts[value] = text
    end
  end
  return text
end

-- Why the plan's new value or result can't be used.
local function fault_of(what, n, value)
  if what == 'new value' and type(value) == 'number' and value == floor(value) then
    return '?OUT_OF_RANGE,' .. n
  end
  return '?PLAN_ERROR,' .. what .. ' ' .. n .. ' of the plan is not an integer in range'
end

local function rejection(code, details)
  if type(code) ~= 'string' or not find(code, '^[A-Z_]+$') then
    return '?PLAN_ERROR,a rejection needs a code of capital letters and underscores'
  end
  if code == 'WRONG_TYPE' or code == 'NOT_AN_INTEGER' or code == 'OUT_OF_RANGE' or code == 'PLAN_ERROR' then
    return '?PLAN_ERROR,the code ' .. code .. ' has a meaning of its own'
  end
  if details ~= nil and type(details) ~= 'table' then
    return '?PLAN_ERROR,the details of a rejection must be a table of integers'
  end
  local texts = { '!' .. code }
  for n = 1, #(details or {}) do
    texts[n + 1] = integer_text(details[n])
    if not texts[n + 1] then
      return '?PLAN_ERROR,detail ' .. n .. ' of the rejection is not an integer in range'
    end
  end
  return concat(texts, ',')
end

-- The steps are read one after the other; these say how far.
local all_cells, all_args, shape_of_step = request.cells, request.args, request.shapeOfStep
local steps_done, cells_done, args_done = 0, 0, 0

local function next_shape()
  return shapes[shape_of_step and shape_of_step[steps_done + 1] or 1]
end

local function skip_steps(count)
  for _ = 1, count do
    local shape = next_shape()
    steps_done, cells_done, args_done = steps_done + 1, cells_done + shape.cells, args_done + shape.args
  end
end

local plans = {} -- by operation, made when first needed

local function plan_of(operation)
  local plan = plans[operation]
  if not plan then
    plan = make_plan(operation)
    plans[operation] = plan
  end
  return plan
end

-- `n` is the place of the cell within its step.
local function keep_value(cell, value, shape, n)
  local has_life = n >= (shape.ttlFrom or 1)
  if missing[cell] then
    missing[cell] = nil
    created_ttl[cell] = has_life and shape.ttl
  end
  if shape.renew and has_life then
    renewed_ttl[cell] = shape.ttl
  end
  values[cell] = value
end

local removers -- by cell of a hash or sorted set: the command that removes it, and the key; made when first needed
local removable = {} -- by command, with several slots by command and key: whether the worker's user may run it

local function may_remove(cell)
  if not removers then
    removers = {}
    for command, groups in pairs({ HDEL = hashes or {}, ZREM = sorted_sets or {} }) do
      for _, group in ipairs(groups) do
        for _, number in ipairs(group[2]) do
          removers[number] = { command, KEYS[group[1]] }
        end
      end
    end
  end
  local command, key, name = 'DEL', KEYS[cell + 1], nil
  if removers[cell] then
    command, key, name = removers[cell][1], removers[cell][2], 'x'
  end
  local question = slots and command .. ' ' .. key or command
  if removable[question] == nil then
    if redis.acl_check_cmd then
      removable[question] = redis.acl_check_cmd(command, key, name or key)
    else -- tried where nothing is: on the receipt of this job
      local answer = redis.pcall(command, KEYS[1], name or KEYS[1])
      removable[question] = type(answer) == 'number' or not is_refusal(answer.err)
    end
  end
  return removable[question]
end

-- Makes sure of a plan's answer and keeps its new values. Returns the result numbers as text; or nil and the outcome.
local function accept(shape, first_cell, new_values, results)
  if type(new_values) ~= 'table' or type(results) ~= 'table' then
    return nil, '?PLAN_ERROR,the plan must return new values and result numbers'
  end
  for n = 1, shape.cells do
    local value = new_values[n]
    if value == 'remove' then
      if not may_remove(all_cells[first_cell + n]) then
        return nil, '?NOPERM,' .. n
      end
    elseif value ~= nil and not is_integer_in_range(value) then
      return nil, fault_of('new value', n, value)
    end
  end
  local texts = {}
  for n = 1, #results do
    texts[n] = integer_text(results[n])
    if not texts[n] then
      return nil, fault_of('result', n, results[n])
    end
  end
  for n = 1, shape.cells do
    local cell, value = all_cells[first_cell + n], new_values[n]
    if value == 'remove' then
      if not missing[cell] and created_ttl[cell] == nil then
        removed[cell] = value_before[cell]
      end
      values[cell], missing[cell], created_ttl[cell], renewed_ttl[cell] = 0, true, nil, nil
    elseif value ~= nil then
      keep_value(cell, value, shape, n)
    end
  end
  return #texts == 1 and texts[1] or concat(texts, ',')
end

-- Puts the values of cells where a plan gets them. Returns the outcome, if no update can be applied to one of them.
local function read_cells(cells, is_missing, first_cell, count)
  for n = 1, count do
    local cell = all_cells[first_cell + n]
    if not values[cell] then
      return '?' .. problems[cell] .. ',' .. n
    end
    cells[n], is_missing[n] = values[cell], missing[cell]
  end
end

-- What is told of steps whose outcome does not say their new value, by step: the values of its cells, '-' of a missing one.
local after_texts, note_values
if told then
  after_texts = {}
  note_values = function(step, first_cell, count)
    local text
    for n = 1, count do
      local cell = all_cells[first_cell + n]
      local value = missing[cell] and '-' or integer_texts[values[cell]] or integer_text(values[cell])
      text = text and text .. ',' .. value or value
    end
    after_texts[step] = text
  end
end

local place_at_hand -- of the step that is being planned

-- Plans steps one after the other. Each leaves its outcome in its place; with `all_or_nothing`, none is planned after one
-- that can't be applied: returns its place. Raises what a plan raises. Most of the script's own time is spent here, so what
-- is usual, one cell and its new value for a result, is done without a call and without a new table.
local function run_steps(outcomes, first, last, all_or_nothing)
  local values, missing, all_cells, all_args, texts = values, missing, all_cells, all_args, integer_texts
  local step, first_cell, first_arg = steps_done, cells_done, args_done
  local shape, plan, cell_count, arg_count, is_late
  local cells, args, is_missing = {}, {}, {} -- handed to the plans, and used again: a plan that keeps them gains nothing
  for place = first, last do
    place_at_hand = place
    step = step + 1
    local shape_of_this = shapes[shape_of_step and shape_of_step[step] or 1]
    if shape_of_this ~= shape then
      shape, cell_count, arg_count = shape_of_this, shape_of_this.cells, shape_of_this.args
      is_late = shape.late
      plan = plan_of(shape.operation)
    end
    if #args ~= arg_count then
      args = {}
    end
    for n = 1, arg_count do
      args[n] = all_args[first_arg + n]
    end
    local cell, outcome, fault = all_cells[first_cell + 1], nil, nil
    local before = values[cell]
    if #cells ~= cell_count then
      cells = {}
    end
    if is_late then
      fault = '!TOO_LATE'
    elseif cell_count == 1 and before then
      cells[1], is_missing[1] = before, missing[cell]
    else
      fault = read_cells(cells, is_missing, first_cell, cell_count)
    end
    if not fault then
      local new_values, results, details = plan(cells, args, now_ms, is_missing)
      local value = new_values == cells and results == cells and cells[1]
      local text = cell_count == 1 and value and not cells[2] and (texts[value] or integer_text(value))
      if text then
        outcome = text
        if missing[cell] or shape.renew then
          keep_value(cell, value, shape, 1)
        else
          values[cell] = value
        end
      elseif new_values == nil then
        fault = rejection(results, details)
      else
        outcome, fault = accept(shape, first_cell, new_values, results)
        if after_texts and not fault then
          note_values(step, first_cell, cell_count)
        end
      end
    end
    first_cell, first_arg = first_cell + cell_count, first_arg + arg_count
    outcomes[place] = outcome or fault
    if fault and all_or_nothing then
      steps_done, cells_done, args_done = step, first_cell, first_arg
      return place
    end
  end
  steps_done, cells_done, args_done = step, first_cell, first_arg
end

-- The same, with one pcall for all steps that go well: what a plan raises is the outcome of its step, and the next goes on.
local function apply_steps(outcomes, first, last, all_or_nothing)
  while first <= last do
    local ran, answer = pcall(run_steps, outcomes, first, last, all_or_nothing)
    if ran then
      return answer
    end
    outcomes[place_at_hand] = '?PLAN_ERROR,' .. string.gsub(tostring(answer), '[;,|?!=~%c]', ' ')
    skip_steps(place_at_hand - first + 1)
    if all_or_nothing then
      return place_at_hand
    end
    first = place_at_hand + 1
  end
end

local outcomes = {}
local steps_of_updates = request.steps

-- Most updates are one step.
local function apply_updates(first, last)
  apply_steps(outcomes, first, last)
end

if steps_of_updates then
  local function save_cells(first, last)
    local saved = {}
    for n = first, last do
      local cell = all_cells[n]
      saved[cell] = { values[cell], missing[cell], created_ttl[cell], renewed_ttl[cell], removed[cell] }
    end
    return saved
  end

  local function restore_cells(saved)
    for cell, state in pairs(saved) do
      values[cell], missing[cell], created_ttl[cell] = state[1], state[2], state[3]
      renewed_ttl[cell], removed[cell] = state[4], state[5]
    end
  end

  local function cells_of_steps(count)
    local steps, cells, args = steps_done, cells_done, args_done
    skip_steps(count)
    local last = cells_done
    steps_done, cells_done, args_done = steps, cells, args
    return cells + 1, last
  end

  -- A transaction, all or nothing: a step that can't be applied takes back the ones before it.
  local function outcome_of_transaction(step_count)
    local saved = save_cells(cells_of_steps(step_count))
    local results, steps_before = {}, steps_done
    local failed = apply_steps(results, 1, step_count, true)
    if not failed then
      return concat(results, '|')
    end
    restore_cells(saved)
    if after_texts then
      for step = steps_before + 1, steps_done do
        after_texts[step] = nil
      end
    end
    skip_steps(step_count - failed)
    return string.sub(results[failed], 1, 1) .. failed .. ':' .. string.sub(results[failed], 2)
  end

  apply_updates = function(first, last)
    for update = first, last do
      outcomes[update] = outcome_of_transaction(steps_of_updates[update])
    end
  end
end

local keyed = request.keyed
local row_of, refused = {}, {} -- by update number: its row in the columns of "keyed", and the outcome of one that can't be applied
local remembered = {} -- idempotency receipts by their key
local receipt_key_of, recorded_outcome, record_outcome

if keyed then
  -- Idempotency receipts hold "tally/form slot fingerprint update-id outcome". A failure is not recorded: it wrote nothing,
  -- and the same update may succeed once its cause is gone.
  local updates, fingerprints, cluster_slots = keyed.updates, keyed.fingerprints, keyed.slots
  local id_head, id_tails = keyed.idHead, keyed.idTails
  local before_first = keyed.firstKey - 1
  local receipts
  if slots then
    receipts = {}
    for row = 1, #updates do
      receipts[row] = call('GET', KEYS[before_first + row])
    end
  else
    receipts = call('MGET', unpack(KEYS, keyed.firstKey, before_first + #updates))
  end
  for row = 1, #updates do
    row_of[updates[row]] = row
    local receipt = receipts[row]
    if receipt then
      remembered[KEYS[before_first + row]] = receipt
      local form = string.match(receipt, '^tally/(%d+) ')
      if form and tonumber(form) > request.newestForm then
        return redis.error_reply('NEWER_FORM a newer version of Tally has recorded an idempotency key')
      end
    end
  end

  -- Why an update whose key is not recorded can't be applied: others of the same key may have been, and be forgotten.
  local sent_at_ms = request.sentAtMs
  for _, place in ipairs(places) do
    local window_ms = request.windowMs
    if window_ms and place.announced_window_ms > 0 then
      window_ms = math.min(window_ms, place.announced_window_ms)
    end
    if not sent_at_ms or not window_ms or sent_at_ms > place.time_ms + CLOCK_STEP_MS then
      place.fault_of_stamp = '?UNSTAMPED'
    elseif place.time_ms > sent_at_ms + window_ms then
      place.fault_of_stamp = '*TOO_OLD'
    end
    place.new_receipts = {} -- the keys of those to write
  end

  local function outcome_recorded(receipt, fingerprint)
    local first_fingerprint, first_outcome = string.match(receipt, '^tally/%d+ %S+ (%S+) %S+ (.*)$')
    if not first_fingerprint then
      return '?UNREADABLE_RECEIPT'
    end
    return first_fingerprint == fingerprint and '=' .. first_outcome or '~'
  end

  receipt_key_of = function(update)
    return KEYS[before_first + row_of[update]]
  end

  recorded_outcome = function(update, place)
    local receipt = remembered[receipt_key_of(update)]
    return receipt and outcome_recorded(receipt, fingerprints[row_of[update]]) or place.fault_of_stamp
  end

  local head = 'tally/' .. request.form .. ' '
  record_outcome = function(update, place)
    local row, outcome = row_of[update], outcomes[update]
    if string.byte(outcome) ~= 63 then -- '?'
      local receipt_key, id = KEYS[before_first + row], id_head .. id_tails[row]
      remembered[receipt_key] = head .. cluster_slots[row] .. ' ' .. fingerprints[row] .. ' ' .. id .. ' ' .. outcome
      place.new_receipts[#place.new_receipts + 1] = receipt_key
    end
  end
end

for _, refusal in ipairs(request.refused or {}) do
  refused[refusal[1]] = refusal[2]
end

local next_update = 1 -- to be applied
local unrecorded, is_unrecorded = {}, {} -- keyed updates from there on, and true by the key of their receipt

local function apply_until(last, place)
  apply_updates(next_update, last)
  next_update = last + 1
  for n = 1, #unrecorded do
    record_outcome(unrecorded[n], place)
  end
  unrecorded, is_unrecorded = {}, {}
end

local is_mixed = keyed or request.refused
if is_mixed or answered > 0 then
  local function skip_update(update)
    skip_steps(steps_of_updates and steps_of_updates[update] or 1)
  end

  -- Updates are applied together, up to one whose outcome depends on what is recorded.
  local function apply_place(place)
    for update = place.first, place.last do
      local outcome = refused[update]
      if outcome then
        apply_until(update - 1, place)
      elseif row_of[update] then
        local receipt_key = receipt_key_of(update)
        place.is_keyed = true
        if is_unrecorded[receipt_key] then
          apply_until(update - 1, place)
        end
        outcome = recorded_outcome(update, place)
        if outcome then
          apply_until(update - 1, place)
          skip_update(update)
        else
          unrecorded[#unrecorded + 1] = update
          is_unrecorded[receipt_key] = true
        end
      end
      if outcome then
        outcomes[update] = outcome
        next_update = update + 1
      end
    end
    apply_until(place.last, place)
  end

  local function leave_out(place)
    apply_until(place.first - 1)
    for update = place.first, place.last do
      if not refused[update] then
        skip_update(update)
      end
      outcomes[update] = '=' -- for the count, and told before; its receipt has the true one
    end
    next_update = place.last + 1
  end

  for _, place in ipairs(places) do
    if place.record then
      leave_out(place)
    elseif is_mixed then
      apply_place(place)
    end
  end
end
apply_until(request.updates)

-- Receipt. A job of one update that was not applied leaves no trace, so a retry plans it anew. A batch always leaves a
-- receipt: its updates that were not applied become jobs of their own, and a second run must not apply them as well.
local record
local record_head = ARGV[3]
for n = 1, #places do
  local place = places[n]
  place.is_new = not place.record
  if place.is_new then
    local at, last = place.first, place.last
    record = record_head .. (at == last and outcomes[at] or concat(outcomes, ';', at, last))
    place.record = record
  end
end
local first = string.byte(outcomes[1])
if #outcomes == 1 and not request.part and (first == 63 or first == 42) then -- '?', '*'
  return slots and records_of_slots() or record
end

if keyed then
  for _, place in ipairs(places) do
    if place.is_keyed and place.is_new and now_ms > place.announced_clock_ms + CLOCK_STEP_MS then
      place.raises_clock = true
      if not is_allowed('ZADD', place.announced, 'x', '0') then
        return redis.error_reply("NOPERM the worker's user may not run ZADD on what is announced")
      end
    end
  end
end

local history = request.history

-- With several slots nobody has made sure yet of what Tally keeps beside the cells: that it is here, and may be written.
if slots then
  local lacks
  local may_run = redis.acl_check_cmd -- without it keys are in KEYS, and to try these commands would be to write
  local function need(command, key)
    lacks = lacks or not may_run(command, key, 'x') and command
  end
  for n = 1, #places do
    local place = places[n]
    if place.is_new then
      need('SET', place.receipt)
      if keyed then
        for _, receipt_key in ipairs(place.new_receipts) do
          need('SET', receipt_key)
        end
      end
    end
  end
  if history then
    local last = history.firstKey + string_count - 1
    for _, groups in ipairs({ hashes or {}, sorted_sets or {} }) do
      for _, group in ipairs(groups) do
        last = last + #group[2]
      end
    end
    for key = history.firstKey, last do
      call('EXISTS', KEYS[key])
      need('LPUSH', KEYS[key])
    end
  end
  if lacks then
    return redis.error_reply("NOPERM the worker's user may not run " .. lacks .. ' on a key of Tally')
  end
end

-- The entry in the stream comes first, and so by `call`: Redis may refuse it for a reason that no read tells cheaply, as when
-- somebody has used the ids of the stream up, and then nothing was written yet. What was answered before is not told again.
if told and (#outcomes > 1 or first ~= 61) then -- '='
  --{{last-told}}
  local stream = told.key or KEYS[told.stream]
  local last, fault = last_told(stream)
  if not last then
    return redis.error_reply('OUTCOMES_UNREADABLE ' .. stream .. ' can not be read as the stream of outcomes: ' .. fault)
  end
  if not is_allowed('SET', KEYS[1], 'x', 'x') then
    return redis.error_reply("NOPERM the worker's user may not run SET on the receipt of a job")
  end
  local head = format('%d %.0f %.0f %d ', told.form, last + #outcomes, now_ms, #outcomes) .. told.source
  local after = ''
  if next(after_texts) then
    for step = 1, steps_done do
      after_texts[step] = after_texts[step] or ''
    end
    after = concat(after_texts, ';')
  end
  local cells, data = ARGV[#ARGV - 1], ARGV[#ARGV]
  local before = concat(before_texts, ',')
  local all = slots and ARGV[3] .. concat(outcomes, ';') or record
  if told.indexes then
    call('XADD', stream, '*', 'h', head, 'r', all, 'b', before, 'a', after, 'c', cells, 'd', data, 'i', told.indexes)
  else
    call('XADD', stream, '*', 'h', head, 'r', all, 'b', before, 'a', after, 'c', cells, 'd', data)
  end
end

local usual_life = format('%d', request.receiptSeconds) -- where nothing was found; a number would be made a text for each
for n = 1, #places do
  local place = places[n]
  if place.is_new then
    call('SET', place.receipt, place.record, 'EX', place.receipt_seconds or usual_life)
  end
end
if keyed then
  for _, place in ipairs(places) do
    if #place.new_receipts > 0 then
      -- What is announced may be any number: SET must not be the first to refuse it.
      local window_ms = math.max(place.announced_window_ms, request.windowMs, request.leastWindowMs or 0)
      local until_ms = integer_text(math.min(floor(place.time_ms + window_ms + KEY_RECEIPT_MARGIN_MS), MAX_INTEGER))
      for _, receipt_key in ipairs(place.new_receipts) do
        call('SET', receipt_key, remembered[receipt_key], 'PXAT', until_ms)
      end
    end
    if place.raises_clock then
      call('ZADD', place.announced, 'GT', integer_text(now_ms), 'clock-ms')
    end
  end
end

-- Write. Types, ranges and rights were checked above and memory by the first SET, so nothing here can fail. A cell is
-- changed by the difference: SET and HSET put another in its place, which has neither the TTL of the key nor that of the
-- field (HEXPIRE, since Redis 7.4 and Valkey 9). See docs/decisions/15-differences.md.
local function add(key, field, text)
  if field then
    call('HINCRBY', key, field, text)
  else
    call('INCRBY', key, text)
  end
end

local function write_difference(key, field, before, after)
  local difference = after - before
  if difference > MAX_INTEGER or difference < -MAX_INTEGER then
    add(key, field, integer_text(-before)) -- by way of 0: past 2^53 a difference is not exact
    difference = after
  end
  add(key, field, integer_text(difference))
end

-- What was removed is missing from here on: if it was created anew, neither its TTL nor its value is of the old one.
local removes = next(removed) ~= nil
if removes then
  for cell = 1, string_count do
    if removed[cell] then
      call('DEL', KEYS[cell + 1])
      value_before[cell] = 0
    end
  end
end

for cell = 1, string_count do
  local before, after, ttl = value_before[cell], values[cell], created_ttl[cell]
  if ttl then
    call('SET', KEYS[cell + 1], integer_text(after), 'EX', ttl)
  elseif after ~= before or ttl == false then
    local difference = after - before
    if difference <= MAX_INTEGER and difference >= -MAX_INTEGER then -- without a call, as this is most of the writing
      call('INCRBY', KEYS[cell + 1], integer_texts[difference] or format('%d', difference))
    else
      write_difference(KEYS[cell + 1], nil, before, after)
    end
  end
end

-- Those that were not removed, or those that were and are created anew.
local function write_fields_and_members(of_removed)
  local function is_due(cell)
    return not removed[cell] == not of_removed
      and (values[cell] ~= value_before[cell] or created_ttl[cell] ~= nil)
  end
  for _, group in ipairs(hashes or {}) do
    for n, cell in ipairs(group[2]) do
      if is_due(cell) then
        write_difference(KEYS[group[1]], group[3][n], value_before[cell], values[cell])
      end
    end
  end

  -- A score is replaced: a member has nothing beside it.
  for _, group in ipairs(sorted_sets or {}) do
    local arguments = {}
    for n, cell in ipairs(group[2]) do
      if is_due(cell) then
        arguments[#arguments + 1] = integer_text(values[cell])
        arguments[#arguments + 1] = group[3][n]
      end
    end
    for first = 1, #arguments, MAX_UNPACK do
      call('ZADD', KEYS[group[1]], unpack(arguments, first, math.min(first + MAX_UNPACK - 1, #arguments)))
    end
  end
end

-- A key that is emptied is gone, and its TTL with it: what is new in it comes before what is removed.
if hashes or sorted_sets then
  write_fields_and_members(false)
end
if removes and (hashes or sorted_sets) then
  for command, groups in pairs({ HDEL = hashes or {}, ZREM = sorted_sets or {} }) do
    for _, group in ipairs(groups) do
      for n, cell in ipairs(group[2]) do
        if removed[cell] then
          call(command, KEYS[group[1]], group[3][n])
          value_before[cell] = 0
        end
      end
    end
  end
  write_fields_and_members(true)
end

-- The life of a bucket, whose key has none yet.
if has_ttl then
  for _, groups in ipairs({ hashes or {}, sorted_sets or {} }) do
    for _, group in ipairs(groups) do
      local ttl = false
      for _, cell in ipairs(group[2]) do
        ttl = ttl or created_ttl[cell]
      end
      if ttl and call('PTTL', KEYS[group[1]]) == -1 then
        call('EXPIRE', KEYS[group[1]], ttl)
      end
    end
  end
end

for cell, ttl in pairs(renewed_ttl) do
  call('EXPIRE', KEYS[cell + 1], ttl) -- only strings have one
end

if history then
  -- A history is a list, the latest first. An entry is "time in ms, job id, operation, value before, value after",
  -- separated by spaces, "-" after a removal; a difference in place of the value before would not be exact past 2^53.
  local entries, life = history.entries, history.lifeSeconds
  local entries_of_all = type(entries) == 'number' and entries
  local start = integer_text(now_ms) .. ' ' .. history.source .. ' '

  -- By pcall, since it comes after the writes: what someone put in place of a history gives way to it.
  local function add_entry(cell, place)
    local before, after = removed[cell] or value_before[cell], values[cell]
    local is_gone = removed[cell] and missing[cell]
    local limit = entries_of_all or entries[place]
    if not before or before == after and not is_gone or not limit then
      return
    end
    local key = KEYS[history.firstKey + place - 1]
    local entry = start .. integer_text(before) .. ' ' .. (is_gone and '-' or integer_text(after))
    local length = redis.pcall('LPUSH', key, entry)
    if type(length) ~= 'number' then
      redis.pcall('DEL', key)
      redis.pcall('LPUSH', key, entry)
    elseif length > limit then
      redis.pcall('LTRIM', key, 0, limit - 1)
    end
    redis.pcall('EXPIRE', key, life)
  end

  for cell = 1, string_count do
    add_entry(cell, cell)
  end
  local place = string_count
  for _, groups in ipairs({ hashes or {}, sorted_sets or {} }) do
    for _, group in ipairs(groups) do
      for _, cell in ipairs(group[2]) do
        place = place + 1
        add_entry(cell, place)
      end
    end
  end
end

return slots and records_of_slots() or record
