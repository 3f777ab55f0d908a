-- Cancels a task that has not started. ARGV: id.
-- Returns cancelled, or why not: the state it is in, or unknown.
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
else
  return state
end
m.forget(id)
m.conclude(id, record, m.GONE)
return 'cancelled'
