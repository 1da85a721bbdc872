-- Applies one job: read, plan, receipt, write.
--
-- The loader puts the plans of all operations in the place marked below, so that this is one script. A plan
-- is a pure function on integers:
--
--   plan(cells, args)  ->  new values, result numbers        (a new value of nil leaves that cell alone)
--                      ->  nil, 'REJECTION_CODE', detail numbers
--
-- KEYS  1             receipt of the job
--       2 .. s+1      keys of the job's s string cells, each once; string cell c is KEYS[c + 1]
--       then          keys of its hashes and sorted sets, each once
--       then          receipts of its idempotency keys
-- ARGV  1             lease: Redis time in ms after which this attempt may not write
--       2             JSON, see "request"
--
-- request.operation       name of the job's operation
-- request.strings         number of string cells
-- request.hashes          { { index into KEYS, { cell, ... }, { field, ... } }, ... }
-- request.sortedSets      { { index into KEYS, { cell, ... }, { member, ... } }, ... }
-- request.updates         number of updates
-- request.stepsPerUpdate  1; of transactions a list, with the number of steps of each update
-- request.cells           the cells of all steps, one after the other
-- request.args            the arguments of all steps, one after the other
-- request.columns         { operation, number of cells, number of arguments, ttl seconds or false }: of each
--                         either one value, when it is the same for all steps, or a list with one for each step
-- request.keyed           { { update number, index into KEYS, fingerprint, update id }, ... }
-- request.windowMs        life of an idempotency receipt
-- request.receiptSeconds  life of the job receipt until the job is settled
--
-- Returns the outcomes of all updates joined by ';' (the text kept in the job receipt):
--   5            applied; result numbers joined by ','; those of a transaction's updates joined by '|'
--   !CODE,1,2    rejected by the plan, with its detail numbers
--   ?CODE,1      failed: nothing was written; the number is the cell, counted within the update
--   !2:CODE ...  the same, because of the second update of a transaction
--   =OUTCOME     the outcome recorded earlier under the same idempotency key
--   ~            conflict: that idempotency key was used for another update
-- Errors: LEASE_EXPIRED, and those of Redis itself (OOM, READONLY, ...). All of them come before or at the
-- first write, so an error means that nothing was written.

-- First of all, so that no plan can see or change the names below.
local plans = {}
--{{plans}}

local MAX_INTEGER = 9007199254740991 -- 2^53 - 1: beyond it doubles, and so Lua numbers, are not exact
local MAX_UNPACK = 4000 -- unpack() fails near 8,000 values (LUAI_MAXCSTACK)

-- Codes of failures, which a plan can't give to its rejections.
local OWN_CODES = { WRONG_TYPE = true, NOT_AN_INTEGER = true, OUT_OF_RANGE = true, PLAN_ERROR = true }

-- The receipt of this job, if an earlier attempt applied it.
local now = redis.call('TIME')
local within_lease = now[1] * 1000 + math.floor(now[2] / 1000) <= tonumber(ARGV[1])
local recorded_outcomes = redis.call('GET', KEYS[1])
local request = cjson.decode(ARGV[2])
if recorded_outcomes then
  if within_lease then
    redis.call('EXPIRE', KEYS[1], request.receiptSeconds)
  end
  return recorded_outcomes
end
if not within_lease then
  return redis.error_reply('LEASE_EXPIRED this attempt came too late to write; nothing was written')
end

-- Read. Values live here until the write, so a later update sees the ones before.
local values = {} -- number by cell; a missing cell counts as 0
local missing = {} -- true by cell
local problems = {} -- code by cell, for cells that no update can be applied to
local kinds = {} -- kind by key, so that one job can't create a key as two kinds

local format, concat = string.format, table.concat

local integer_texts = {} -- by number: amounts repeat, and a look-up costs a fifth of formatting

local function integer_text(number)
  local text = integer_texts[number]
  if not text then
    text = format('%d', number) -- exact, and 0 for -0; tostring keeps 14 digits
    integer_texts[number] = text
  end
  return text
end

-- False for what is not a number, not whole, infinite, or beyond the limit.
local function is_integer_in_range(value)
  return type(value) == 'number' and value % 1 == 0 and value >= -MAX_INTEGER and value <= MAX_INTEGER
end

-- Redis' own form only: ' 1', '+1', '01', '1e3' and '0x10' are numbers to Lua, but not integers to INCRBY.
local function parse_string(text)
  local number = tonumber(text)
  if is_integer_in_range(number) and format('%d', number) == text then
    return number
  end
end

-- A score is a double, and some versions print a large one as 5e+15.
local function parse_score(text)
  local number = tonumber(text)
  if is_integer_in_range(number) then
    return number
  end
end

local function keep(cell, text, parse)
  if not text then
    values[cell] = 0
    missing[cell] = true
    return
  end
  values[cell] = parse(text)
  if not values[cell] then
    problems[cell] = 'NOT_AN_INTEGER'
  end
end

local function in_chunks(first, last, visit)
  for start = first, last, MAX_UNPACK do
    visit(start, math.min(start + MAX_UNPACK - 1, last))
  end
end

local function read_strings(has_groups)
  in_chunks(1, request.strings, function(first, last)
    local texts = redis.call('MGET', unpack(KEYS, first + 1, last + 1))
    for cell = first, last do
      local text = texts[cell - first + 1]
      -- MGET answers nil for a missing key and for one of another type.
      if not text and redis.call('TYPE', KEYS[cell + 1]).ok ~= 'none' then
        problems[cell] = 'WRONG_TYPE'
      else
        keep(cell, text, parse_string)
        if has_groups then
          kinds[KEYS[cell + 1]] = 'string'
        end
      end
    end
  end)
end

local function read_group(kind, command, group, parse)
  local key, cells, names = KEYS[group[1]], group[2], group[3]
  in_chunks(1, #cells, function(first, last)
    local texts = redis.pcall(command, key, unpack(names, first, last))
    if texts.err and not string.find(texts.err, 'WRONGTYPE', 1, true) then
      error(texts.err)
    end
    local wrong_type = texts.err or (kinds[key] or kind) ~= kind
    if not wrong_type then
      kinds[key] = kind
    end
    for n = first, last do
      if wrong_type then
        problems[cells[n]] = 'WRONG_TYPE'
      else
        keep(cells[n], texts[n - first + 1], parse)
      end
    end
  end)
end

read_strings(#request.hashes > 0 or #request.sortedSets > 0)
for _, group in ipairs(request.hashes) do
  read_group('hash', 'HMGET', group, parse_string)
end
for _, group in ipairs(request.sortedSets) do
  read_group('zset', 'ZMSCORE', group, parse_score)
end

-- Plan.
local touched = {} -- cells to write, in order
local is_touched = {}
local created_ttl = {} -- ttl seconds by cell, for cells that an update of this job creates

-- Why the plan's answer can't be used, if it can't.
local function fault_of(count, new_values, results)
  if type(new_values) ~= 'table' or type(results) ~= 'table' then
    return '?PLAN_ERROR,the plan must return new values and result numbers'
  end
  for n = 1, count do
    local value = new_values[n]
    if value ~= nil and not is_integer_in_range(value) then
      if type(value) == 'number' and value == math.floor(value) then
        return '?OUT_OF_RANGE,' .. n
      end
      return '?PLAN_ERROR,new value ' .. n .. ' is not an integer'
    end
  end
  for n = 1, #results do
    if not is_integer_in_range(results[n]) then
      return '?PLAN_ERROR,result ' .. n .. ' of the plan is not an integer in range'
    end
  end
end

local function rejection(code, details)
  if type(code) ~= 'string' or not string.find(code, '^[A-Z_]+$') then
    return '?PLAN_ERROR,a rejection needs a code of capital letters and underscores'
  end
  if OWN_CODES[code] then
    return '?PLAN_ERROR,the code ' .. code .. ' has a meaning of its own'
  end
  if details ~= nil and type(details) ~= 'table' then
    return '?PLAN_ERROR,the details of a rejection must be a table of integers'
  end
  local texts = { '!' .. code }
  for n = 1, #(details or {}) do
    if not is_integer_in_range(details[n]) then
      return '?PLAN_ERROR,detail ' .. n .. ' of the rejection is not an integer in range'
    end
    texts[n + 1] = integer_text(details[n])
  end
  return concat(texts, ',')
end

local function write_to_overlay(cell, value, ttl)
  if not missing[cell] and value == values[cell] then
    return
  end
  if missing[cell] then
    missing[cell] = nil
    created_ttl[cell] = ttl or nil
  end
  values[cell] = value
  if not is_touched[cell] then
    is_touched[cell] = true
    touched[#touched + 1] = cell
  end
end

local function results_text(results)
  if #results == 1 then
    return integer_text(results[1])
  end
  local texts = {}
  for n = 1, #results do
    texts[n] = integer_text(results[n])
  end
  return concat(texts, ',')
end

-- The steps are read one after the other; these say how far.
local all_cells, all_args = request.cells, request.args
local steps_done, cells_done, args_done = 0, 0, 0

-- Of a column, the value of all steps; or nil, and the list with a value for each.
local function read_column(column)
  local value = request.columns[column]
  if type(value) == 'table' then
    return nil, value
  end
  return value
end

local operation_of_all, operations = read_column(1)
local cell_count_of_all, cell_counts = read_column(2)
local arg_count_of_all, arg_counts = read_column(3)
local ttl_of_all, ttls = read_column(4)

-- Handed to the plans, and used again for each step: a plan that keeps them gains nothing.
local current, args = {}, {}

-- Plans the next step. Returns the result numbers as text; or nil and the outcome.
local function apply_step()
  local step, first_cell, first_arg = steps_done + 1, cells_done, args_done
  local cell_count, arg_count = cell_count_of_all or cell_counts[step], arg_count_of_all or arg_counts[step]
  steps_done, cells_done, args_done = step, first_cell + cell_count, first_arg + arg_count
  if #current ~= cell_count then
    current = {}
  end
  for n = 1, cell_count do
    local cell = all_cells[first_cell + n]
    if problems[cell] then
      return nil, '?' .. problems[cell] .. ',' .. n
    end
    current[n] = values[cell]
  end
  if #args ~= arg_count then
    args = {}
  end
  for n = 1, arg_count do
    args[n] = all_args[first_arg + n]
  end
  local ran, new_values, results, details = pcall(plans[operation_of_all or operations[step]], current, args)
  if not ran then
    return nil, '?PLAN_ERROR,' .. string.gsub(tostring(new_values), '[;,|?!=~%c]', ' ')
  end
  if new_values == nil then
    return nil, rejection(results, details)
  end
  local fault = fault_of(cell_count, new_values, results)
  if fault then
    return nil, fault
  end
  local ttl = ttls and ttls[step] or ttl_of_all
  for n = 1, cell_count do
    if new_values[n] ~= nil then
      write_to_overlay(all_cells[first_cell + n], new_values[n], ttl)
    end
  end
  return results_text(results)
end

local function skip_steps(count)
  for _ = 1, count do
    steps_done = steps_done + 1
    cells_done = cells_done + (cell_count_of_all or cell_counts[steps_done])
    args_done = args_done + (arg_count_of_all or arg_counts[steps_done])
  end
end

local function save_cells(first, last)
  local saved = { touched = #touched }
  for n = first, last do
    local cell = all_cells[n]
    saved[cell] = { values[cell], missing[cell], created_ttl[cell], is_touched[cell] }
  end
  return saved
end

local function restore_cells(saved)
  for n = #touched, saved.touched + 1, -1 do
    touched[n] = nil
  end
  saved.touched = nil
  for cell, state in pairs(saved) do
    values[cell], missing[cell], created_ttl[cell], is_touched[cell] = state[1], state[2], state[3], state[4]
  end
end

-- All or nothing: a step that can't be applied takes back the ones before it.
local function apply_transaction(step_count)
  local last_cell = cells_done
  for step = steps_done + 1, steps_done + step_count do
    last_cell = last_cell + (cell_count_of_all or cell_counts[step])
  end
  local saved = save_cells(cells_done + 1, last_cell)
  local results = {}
  for n = 1, step_count do
    local result, outcome = apply_step()
    if not result then
      restore_cells(saved)
      skip_steps(step_count - n)
      return nil, string.sub(outcome, 1, 1) .. n .. ':' .. string.sub(outcome, 2)
    end
    results[n] = result
  end
  return concat(results, '|')
end

local function step_count_of(update)
  local steps = request.stepsPerUpdate
  if type(steps) == 'table' then
    return steps[update]
  end
  return steps
end

local function outcome_of(update)
  local result, outcome
  if request.operation == 'transaction' then
    result, outcome = apply_transaction(step_count_of(update))
  else
    result, outcome = apply_step()
  end
  return result or outcome
end

local function is_failure(outcome)
  return string.byte(outcome) == 63 -- '?'
end

-- Idempotency receipts hold "fingerprint update-id outcome". A failure is not recorded: it wrote nothing, and
-- the same update may succeed once its cause is gone.
local remembered = {} -- text by receipt key
local new_receipts = {} -- receipt keys to write, in order
local keyed = {} -- entry of request.keyed by update number

for _, entry in ipairs(request.keyed) do
  keyed[entry[1]] = entry
  remembered[KEYS[entry[2]]] = redis.call('GET', KEYS[entry[2]]) or nil
end

local function outcome_of_keyed(update, receipt_key, fingerprint, update_id)
  local receipt = remembered[receipt_key]
  if receipt then
    local first_fingerprint, first_outcome = string.match(receipt, '^(%S+) %S+ (.*)$')
    skip_steps(step_count_of(update))
    return first_fingerprint == fingerprint and '=' .. first_outcome or '~'
  end
  local outcome = outcome_of(update)
  if not is_failure(outcome) then
    remembered[receipt_key] = fingerprint .. ' ' .. update_id .. ' ' .. outcome
    new_receipts[#new_receipts + 1] = receipt_key
  end
  return outcome
end

local outcomes = {}
for update = 1, request.updates do
  local entry = keyed[update]
  outcomes[update] = entry and outcome_of_keyed(update, KEYS[entry[2]], entry[3], entry[4]) or outcome_of(update)
end

-- Receipt. A job of one update that failed leaves no trace, so a retry plans it anew. A batch always leaves a
-- receipt: its failed updates become jobs of their own, and a second run must not apply them as well.
local all_outcomes = concat(outcomes, ';')
if #outcomes == 1 and is_failure(all_outcomes) then
  return all_outcomes
end

-- EVALSHA itself makes sure of the keys, but not of the commands, and HSET must not be the first to be refused.
local function require_permission(command, groups)
  local group = groups[1]
  if group and redis.acl_check_cmd and not redis.acl_check_cmd(command, KEYS[group[1]], '0', '0') then
    error({ err = 'NOPERM this Redis user may not run ' .. command .. '; nothing was written' })
  end
end
require_permission('HSET', request.hashes)
require_permission('ZADD', request.sortedSets)

redis.call('SET', KEYS[1], all_outcomes, 'EX', request.receiptSeconds)
for _, receipt_key in ipairs(new_receipts) do
  redis.call('SET', receipt_key, remembered[receipt_key], 'PX', request.windowMs)
end

-- Write. Types and ranges were checked above and memory by the first SET, so nothing here can fail.
local function write_string(cell)
  local key, text = KEYS[cell + 1], integer_text(values[cell])
  if created_ttl[cell] then
    redis.call('SET', key, text, 'EX', created_ttl[cell])
  else
    redis.call('SET', key, text, 'KEEPTTL')
  end
end

local function write_group(group, command, pair)
  local arguments = {}
  for n, cell in ipairs(group[2]) do
    if is_touched[cell] then
      local first, second = pair(group[3][n], integer_text(values[cell]))
      arguments[#arguments + 1] = first
      arguments[#arguments + 1] = second
    end
  end
  in_chunks(1, #arguments, function(first, last)
    redis.call(command, KEYS[group[1]], unpack(arguments, first, last))
  end)
end

for _, cell in ipairs(touched) do
  if cell <= request.strings then
    write_string(cell)
  end
end
for _, group in ipairs(request.hashes) do
  write_group(group, 'HSET', function(field, value)
    return field, value
  end)
end
for _, group in ipairs(request.sortedSets) do
  write_group(group, 'ZADD', function(member, value)
    return value, member
  end)
end

return all_outcomes
