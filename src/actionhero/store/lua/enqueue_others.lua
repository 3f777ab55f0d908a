-- What enqueue needs for a task that is more than ready: kept, named twice, for later, or unique.

-- Whether a task of this id has completed. What is kept of one that failed or was cancelled makes
-- room for the new one.
local function has_completed(id, record)
  local flag = string.byte(record, 4)
  if flag == 45 or math.floor(flag / 4) % 2 == 0 then
    return false
  end
  local kept = call('GETRANGE', RESULT .. id, 0, 20)
  if kept == '{"state":"completed",' then
    return true
  elseif kept ~= '' then
    call('DEL', RESULT .. id)
  end
end

-- The ids, each once: a list may name one twice.
local function each_once(ids, existing)
  local once, seen = {}, {}
  for _, id in ipairs(ids) do
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

-- `fresh` of the `count` ids that ARGV has from `first` on come due when it says there.
local function delay_all(fresh, first, count)
  local times = {}
  for i = 0, count - 1 do
    local id, how = ARGV[first + i], first + 2 * (count + i)
    times[id] = times[id] or time_of(ARGV[how], ARGV[how + 1])
  end
  delay(fresh, times)
end

local function is_held(id)
  for _, server in ipairs(call('ZRANGE', SERVERS, 0, -1)) do
    if call('HEXISTS', PROCESSING .. server, id) == 1 then
      return true
    end
  end
end

local function uniques(existing, refused, room, stamp)
  local mark = marks()

  -- The parameters of `record` for one that waits. Its place, its time and whether it is limited
  -- stay.
  local function replace(id, old, record)
    local flag = bit.bor(bit.band(mark.flag_of(record), 5), bit.band(mark.flag_of(old), 2))
    call('HSET', DATA, id, string.sub(old, 1, 3) .. string.char(64 + flag)
      .. string.sub(old, 5, 17) .. string.sub(record, 5))
  end

  -- Whether it is stored now.
  local function store(id, record)
    if call('HEXISTS', DATA, id) == 1 or has_completed(id, record) then
      existing[#existing + 1] = id
      return false
    elseif room < 1 then
      refused[#refused + 1] = id
      return false
    end
    room = room - 1
    call('HSET', DATA, id, string.sub(record, 1, 4) .. stamp .. string.sub(record, 5))
    return true
  end

  -- Adds a unique one, or lets it take the place of the one that stands. A debounced one waits anew,
  -- unless its time has come already. Returns the id that stands from now on.
  return function(id, record, how, milliseconds, key, mode)
    local due = time_of(how, milliseconds)
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
    if not store(id, record) then
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
end

return {
  has_completed = has_completed, each_once = each_once, delay_all = delay_all, uniques = uniques,
}
