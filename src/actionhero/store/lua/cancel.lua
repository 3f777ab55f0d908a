-- Cancels a task: at once if it has not started; if it runs, its server is told to. ARGV: id.
-- Returns cancelled, cancelling, or why not: the state it is in, or unknown.
local m = moves()
local id = ARGV[1]
local record = call('HGET', DATA, id)
if not record then
  return 'unknown'
end
local state, place = places().place_of(id, record)
if state == 'delayed' or state == 'retrying' then
  call('ZREM', DELAYED, id)
elseif state == 'pending' or state == 'local' then
  call('LREM', place, 1, id)
elseif state == 'processing' then
  call('HDEL', ORDERS .. place, id)  -- needs no memory, as a script's first write must
  call('HSET', ORDERS .. place, id, call('HGET', PROCESSING .. place, id))
  wake(WAKES .. place)
  return 'cancelling'
else
  return state
end
m.cancel(id, record)
return 'cancelled'
