-- Cancels a task: at once if it has not started; if it runs, its server is told to. Of one on all
-- servers, each copy that has not ended.
-- ARGV: id, whether one that runs is left alone (1).
-- Returns cancelled, cancelling, or why not: the state it is in, or unknown.
local m = moves()
local p = places()

local function cancel(id, record)
  local state, place = p.place_of(id, record)
  if state == 'delayed' or state == 'retrying' then
    call('ZREM', DELAYED, id)
  elseif state == 'pending' or state == 'local' then
    call('LREM', place, 1, id)
  elseif state == 'processing' and ARGV[2] ~= '1' then
    call('HDEL', ORDERS .. place, id)  -- needs no memory, as a script's first write must
    call('HSET', ORDERS .. place, id, call('HGET', PROCESSING .. place, id))
    wake(WAKES .. place)
    return 'cancelling'
  else
    return state
  end
  m.cancel(id, record)
  return 'cancelled'
end

-- The copies that wait or run; but not one that waits for a retry and whose server has changed its
-- name since.
local function copies_of(parent)
  local prefix, copies = parent .. '@', {}
  local function take(ids)
    for _, id in ipairs(ids) do
      if string.sub(id, 1, #prefix) == prefix then
        copies[id] = call('HGET', DATA, id) or nil
      end
    end
  end
  for _, set in ipairs({SERVERS, ABSENT}) do
    for _, server in ipairs(call('ZRANGE', set, 0, -1)) do
      take({prefix .. server})
      take(call('LRANGE', LOCAL .. server, 0, -1))
      take(call('HKEYS', PROCESSING .. server))
    end
  end
  return copies
end

local id = ARGV[1]
local record = call('HGET', DATA, id)
if not record then
  return 'unknown'
elseif call('HEXISTS', BROADCAST, id) == 0 then
  return cancel(id, record)
end
for copy, its_record in pairs(copies_of(id)) do
  cancel(copy, its_record)
end
return call('HEXISTS', DATA, id) == 1 and 'cancelling' or 'cancelled'
