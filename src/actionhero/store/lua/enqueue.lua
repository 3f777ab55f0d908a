-- Adds tasks. A task whose id exists already is left as it is.
-- ARGV: how many high, normal and low ones are ready now, how many are for later;
--       for each of the three bands: ids…, records…;
--       for later: each id, record, "in" or "at", milliseconds
-- Returns the ids that existed already: those tasks are left as they are.
local existing, seen = {}, {}
local stamp = string.format('%.0f', now)

local function stamped(record)
  return string.sub(record, 1, 4) .. stamp .. string.sub(record, 5)
end

-- Marks what is new; returns its ids and the pairs for HSET.
local function select_new(ids, records)
  local found = call('HMGET', DATA, unpack(ids))
  local fresh, pairs = {}, {}
  for i, id in ipairs(ids) do
    if found[i] or seen[id] then
      existing[#existing + 1] = id
    else
      local n = #fresh + 1
      seen[id] = true
      fresh[n], pairs[2 * n - 1], pairs[2 * n] = id, id, stamped(records[i])
    end
  end
  return fresh, pairs
end

local function add_ready(list, ids, records)
  local fresh, pairs = select_new(ids, records)
  if #fresh > 0 then
    call('HSET', DATA, unpack(pairs))
    call('RPUSH', list, unpack(fresh))
    wake(WAKE)
  end
end

local function add_later(ids, records, times)
  local fresh, pairs = select_new(ids, records)
  if #fresh == 0 then
    return
  end
  local scored = {}
  for i, id in ipairs(fresh) do
    scored[2 * i - 1], scored[2 * i] = times[id], id
  end
  local before = call('ZRANGE', DELAYED, 0, 0)[1]
  call('HSET', DATA, unpack(pairs))
  call('ZADD', DELAYED, unpack(scored))
  if call('ZRANGE', DELAYED, 0, 0)[1] ~= before then
    wake(WAKE)
  end
end

local at = 5
for band, list in ipairs({HIGH, NORMAL, LOW}) do
  local count = tonumber(ARGV[band])
  if count > 0 then
    local middle = at + count
    add_ready(list, {unpack(ARGV, at, middle - 1)}, {unpack(ARGV, middle, middle + count - 1)})
    at = middle + count
  end
end
if ARGV[4] ~= '0' then
  local ids, records, times = {}, {}, {}
  for i = at, #ARGV, 4 do
    local n = #ids + 1
    ids[n], records[n] = ARGV[i], ARGV[i + 1]
    times[ARGV[i]] = (ARGV[i + 2] == 'in' and now or 0) + ARGV[i + 3]
  end
  add_later(ids, records, times)
end
return existing
