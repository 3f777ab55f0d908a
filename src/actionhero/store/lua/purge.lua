-- Forgets dead letters. ARGV: each: id, the time it failed ('': whenever).
-- Returns of each: purged, or why not: unknown, changed (it is another failure), or its state.
local m = moves()
local ids, times = {}, {}
for i = 1, #ARGV, 2 do
  ids[#ids + 1], times[#times + 1] = ARGV[i], ARGV[i + 1]
end
local scores, records = call('ZMSCORE', FAILED, unpack(ids)), call('HMGET', DATA, unpack(ids))
local gone, told = {}, {}
for i, id in ipairs(ids) do
  local record = records[i]
  if scores[i] and (times[i] == '' or times[i] == scores[i]) then
    m.leave_grave(id, record)
    gone[#gone + 1], told[i] = id, 'purged'
  elseif times[i] ~= '' then
    told[i] = 'changed'
  else
    told[i] = record and places().place_of(id, record) or 'unknown'
  end
end
if #gone > 0 then
  call('ZREM', FAILED, unpack(gone))
  call('HDEL', DATA, unpack(gone))
  call('HDEL', ATTEMPTS, unpack(gone))
end
return told
