-- Some of the dead letters, or of the delayed tasks, by time and then id, from a cursor on.
-- ARGV: failed | delayed, whether from the newest back (1),
--       cursor: time, id, and whether it is itself still to come (1); no time: from the first one,
--       earliest and latest time (-inf, +inf), name and text of the error ('': any),
--       how many to look at, how many to find, whether their records are asked for (1)
-- Returns: time and id of the last one looked at ('' where none is left), how many were looked at,
--          then of those found: ids, times, records, troubles.
-- A call looks at a bounded number of tasks and bytes, whatever the filter. Changes nothing.
local CHUNK, BYTES = 50, 1000000
local SET = ARGV[1] == 'failed' and FAILED or DELAYED
local is_back = ARGV[2] == '1'
local earliest, latest, name, text = ARGV[6], ARGV[7], ARGV[8], ARGV[9]
local scan, want, wants_records = tonumber(ARGV[10]), tonumber(ARGV[11]), ARGV[12] == '1'

-- As the set orders ids of one time: by their bytes. (Lua's own < goes by the locale.)
local function is_before(one, other)
  for i = 1, math.min(#one, #other) do
    local a, b = string.byte(one, i), string.byte(other, i)
    if a ~= b then
      return a < b
    end
  end
  return #one < #other
end

-- How many stand before the cursor, or with `counts_itself` before and at it.
local function rank(score, id, counts_itself)
  local low, high = call('ZCOUNT', SET, '-inf', '(' .. score), call('ZCOUNT', SET, '-inf', score)
  while low < high do
    local middle = math.floor((low + high) / 2)
    local found = call('ZRANGE', SET, middle, middle)[1]
    if is_before(found, id) or counts_itself and found == id then
      low = middle + 1
    else
      high = middle
    end
  end
  return low
end

-- The places to look at: from the first on, or from the last back.
local first = call('ZCOUNT', SET, '-inf', '(' .. earliest)
local last = call('ZCOUNT', SET, '-inf', latest) - 1
if ARGV[3] ~= '' then
  local is_inclusive = ARGV[5] == '1'
  if is_back then
    last = math.min(last, rank(ARGV[3], ARGV[4], is_inclusive) - 1)
  else
    first = math.max(first, rank(ARGV[3], ARGV[4], not is_inclusive))
  end
end

-- The record's JSON begins with the name; a pattern is compared in place, without making a text.
local has_name = '^{"name":"' .. string.gsub(name, '%W', '%%%0') .. '",'

-- "Type: message", without the traceback, which may be long, and the server.
local function error_of(troubles)
  local finish = string.find(troubles, '","traceback":"', 1, true)
    or string.find(troubles, '","server":"', 1, true)
  local text = finish and string.sub(troubles, 1, finish - 1) or troubles
  local kind, message = string.match(text, '^%d+ %d+ {"type":"([^"]*)","message":"(.*)$')
  return kind and kind .. ': ' .. message or text
end

local function fits(record, troubles)
  if name ~= '' and not string.find(record, has_name, 18) then
    return false
  end
  return text == '' or string.find(error_of(troubles), text, 1, true) ~= nil
end

local looked, bytes = 0, 0
local ids, times, records, troubles = {}, {}, {}, {}
local at_time, at_id = '', ''

-- What must be known of these to choose and to show them.
local function read(chunk)
  local none = {}
  local bodies = (name ~= '' or wants_records) and call('HMGET', DATA, unpack(chunk)) or none
  local errors = (text ~= '' or wants_records) and call('HMGET', ATTEMPTS, unpack(chunk)) or none
  return bodies, errors
end

local function take(chunk, scores)
  local bodies, errors = read(chunk)
  for i, id in ipairs(chunk) do
    if #ids >= want then
      return
    end
    local record, trouble = bodies[i] or '', errors[i] or ''
    looked, bytes = looked + 1, bytes + #record + #trouble
    at_time, at_id = scores[i], id
    if fits(record, trouble) then
      local n = #ids + 1
      ids[n], times[n] = id, scores[i]
      if wants_records then
        records[n], troubles[n] = record, trouble
      end
    end
  end
end

while first <= last and looked < scan and #ids < want and bytes < BYTES do
  local size = math.min(CHUNK, scan - looked, last - first + 1)
  local from = is_back and last - size + 1 or first
  local entries = call('ZRANGE', SET, from, from + size - 1, 'WITHSCORES')
  local chunk, scores = {}, {}
  for i = 1, #entries, 2 do
    local n = is_back and size - (i - 1) / 2 or (i + 1) / 2
    chunk[n], scores[n] = entries[i], entries[i + 1]
  end
  take(chunk, scores)
  if is_back then
    last = last - size
  else
    first = first + size
  end
  if first > last and (#chunk == 0 or at_id == chunk[#chunk]) then
    at_time, at_id = '', ''
  end
end
if looked == 0 then
  at_time, at_id = '', ''
end
return {at_time, at_id, looked, ids, times, records, troubles}
