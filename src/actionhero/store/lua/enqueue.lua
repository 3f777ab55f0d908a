-- Adds tasks. A task whose id exists already is left as it is; so is one that has completed, while
-- its result is kept.
-- ARGV: how many high, normal and low ones are ready now, how many are for later, how many are
--       unique, how many tasks there may be at all (0: any number);
--       for each of the three bands: ids…, records…;
--       for later: each id, record, "in" or "at", milliseconds
--       unique: each id, record, "in", "at" or "now", milliseconds, key, drop | replace | debounce
-- Returns the ids that existed already, those that found no room, and of each unique one the id
-- that stands for its key ('' if there was no room).
local existing, refused, standing = {}, {}, {}
local room = tonumber(ARGV[6])
if room == 0 then
  room = math.huge
else
  room = room - call('HLEN', DATA) + call('ZCARD', FAILED)
end
local mark = ARGV[5] ~= '0' and marks()
local stamp = string.format('%.0f', now)

-- Whether a task of this id has completed. What is kept of one that failed or was cancelled makes
-- room for the new one.
local function has_completed(id, record)
  if math.floor(string.byte(record, 4) / 4) % 2 == 0 then
    return false
  end
  local kept = call('GETRANGE', RESULT .. id, 0, 20)
  if kept == '{"state":"completed",' then
    return true
  elseif kept ~= '' then
    call('DEL', RESULT .. id)
  end
end

-- Of ARGV's ids and records, what is new: the ids, and the pairs for HSET.
local function select_new(ids, records)
  local found = call('HMGET', DATA, unpack(ids))
  local fresh, pairs, n = {}, {}, 0
  for i, id in ipairs(ids) do
    local record = records[i]
    if found[i] or string.byte(record, 4) ~= 45 and has_completed(id, record) then
      existing[#existing + 1] = id
    elseif n >= room then
      refused[#refused + 1] = id
    else
      n = n + 1
      fresh[n], pairs[2 * n - 1] = id, id
      pairs[2 * n] = string.sub(record, 1, 4) .. stamp .. string.sub(record, 5)
    end
  end
  room = room - n
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

-- These come due then.
local function delay(ids, times)
  local before = call('ZRANGE', DELAYED, 0, 0)[1]
  for _, id in ipairs(ids) do
    call('ZADD', DELAYED, times[id], id)
  end
  if call('ZRANGE', DELAYED, 0, 0)[1] ~= before then
    wake(WAKE)
  end
end

local function time_of(how, milliseconds)
  return (how == 'at' and 0 or now) + milliseconds
end

local function is_held(id)
  for _, server in ipairs(call('ZRANGE', SERVERS, 0, -1)) do
    if call('HEXISTS', PROCESSING .. server, id) == 1 then
      return true
    end
  end
end

-- The parameters of `record` for one that waits. Its place, its time and whether it is limited stay.
local function replace(id, old, record)
  local flag = bit.bor(bit.band(mark.flag_of(record), 5), bit.band(mark.flag_of(old), 2))
  call('HSET', DATA, id, string.sub(old, 1, 3) .. string.char(64 + flag) .. string.sub(old, 5, 17)
    .. string.sub(record, 5))
end

-- Adds a unique one, or lets it take the place of the one that stands. A debounced one waits anew,
-- unless its time has come already. Returns the id that stands from now on.
local function add_unique(id, record, how, due, key, mode)
  local other, old = mark.standing_of(key)
  if other == id then
    existing[#existing + 1] = id
  end
  if other == id or other and mode == 'drop' then
    return other
  end
  local waits = other and call('ZSCORE', DELAYED, other)
  if waits or other and not is_held(other) then
    replace(other, old, record)
    if waits and mode == 'debounce' then
      delay({other}, {[other] = due})
    end
    return other
  end
  if #store_new({id}, {record}) == 0 then
    return refused[#refused] == id and '' or id
  end
  call('HSET', UNIQUE, key, id)
  if how == 'now' then
    call('RPUSH', mark.list_of(record), id)
    wake(WAKE)
  else
    delay({id}, {[id] = due})
  end
  return id
end

local at = 7
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
  local finish = at + 4 * tonumber(ARGV[4])
  for i = at, finish - 1, 4 do
    local n, id = #ids + 1, ARGV[i]
    ids[n], records[n] = id, ARGV[i + 1]
    times[id] = times[id] or time_of(ARGV[i + 2], ARGV[i + 3])
  end
  delay(store_new(ids, records), times)
  at = finish
end
for i = at, #ARGV, 6 do
  local how = ARGV[i + 2]
  standing[#standing + 1] =
    add_unique(ARGV[i], ARGV[i + 1], how, time_of(how, ARGV[i + 3]), ARGV[i + 4], ARGV[i + 5])
end
return {existing, refused, standing}
