-- Fires what came due of a type by the clock, and plans its next time.
-- ARGV: type, the time it was planned for, its spec, its next time or '', the times to fire…
-- Returns how many it fired, or -1 if it is no longer planned so, waits for one under way, or the
-- queue is paused: whoever comes second changes nothing.
local m, d = moves(), duties()
local name, expected, spec, next = unpack(ARGV, 1, 4)
local known, template = string.match(call('HGET', PERIODIC, name) or '', '^(%S+) (.*)$')
local planned = call('ZSCORE', SCHEDULE, name)
if known ~= spec or not planned or tonumber(planned) ~= tonumber(expected)
  or call('EXISTS', PAUSED) == 1 then
  return -1
end
local catch_up, overlap = string.match(spec, '^c:(%a+):(%a+):')
local is_busy = overlap == 'skip' and #ARGV > 4 and m.is_under_way(name)
if is_busy and catch_up == 'all' then
  return -1
end
call('ZREM', SCHEDULE, name)
if next ~= '' then
  call('ZADD', SCHEDULE, next, name)
end
local fired = 0
for i = 5, is_busy and 4 or #ARGV do
  if d.start(name, ARGV[i], template) then
    fired = fired + 1
  end
end
wake(WAKE)
return fired
