-- Adds tasks. A task whose id exists already is left as it is.
-- ARGV: how many high, normal and low ones are ready now, how many are for later;
--       for each of the three bands: ids…, records…;
--       for later: each id, record, "in" or "at", milliseconds
-- Returns the ids that existed already.
local existing = {}
local stamp = string.format('%.0f', now)

-- Of ARGV's ids and records, what is new: the ids, and the pairs for HSET.
local function select_new(ids, records)
  local found = call('HMGET', DATA, unpack(ids))
  local fresh, pairs, n = {}, {}, 0
  for i, id in ipairs(ids) do
    if found[i] then
      existing[#existing + 1] = id
    else
      local record = records[i]
      n = n + 1
      fresh[n], pairs[2 * n - 1] = id, id
      pairs[2 * n] = string.sub(record, 1, 4) .. stamp .. string.sub(record, 5)
    end
  end
  return fresh, pairs
end

-- Stores what is new. Returns its ids, each once: a list may name one twice.
local function store_new(ids, records)
  local fresh, pairs = select_new(ids, records)
  if #fresh == 0 or call('HSET', DATA, unpack(pairs)) == #fresh then
    return fresh
  end
  local once, seen = {}, {}
  for _, id in ipairs(fresh) do
    if seen[id] then
      existing[#existing + 1] = id
    else
      seen[id], once[#once + 1] = true, id
    end
  end
  return once
end

local function add_later(ids, records, times)
  local before = call('ZRANGE', DELAYED, 0, 0)[1]
  for _, id in ipairs(store_new(ids, records)) do
    call('ZADD', DELAYED, times[id], id)
  end
  if call('ZRANGE', DELAYED, 0, 0)[1] ~= before then
    wake(WAKE)
  end
end

local at = 5
for band, list in ipairs({HIGH, NORMAL, LOW}) do
  local count = tonumber(ARGV[band])
  if count > 0 then
    local middle = at + count
    local ids, records = {unpack(ARGV, at, middle - 1)}, {unpack(ARGV, middle, middle + count - 1)}
    local fresh = store_new(ids, records)
    if #fresh > 0 then
      call('RPUSH', list, unpack(fresh))
      wake(WAKE)
    end
    at = middle + count
  end
end
if ARGV[4] ~= '0' then
  local ids, records, times = {}, {}, {}
  for i = at, #ARGV, 4 do
    local n, id = #ids + 1, ARGV[i]
    ids[n], records[n] = id, ARGV[i + 1]
    times[id] = times[id] or (ARGV[i + 2] == 'in' and now or 0) + ARGV[i + 3]
  end
  add_later(ids, records, times)
end
return existing
