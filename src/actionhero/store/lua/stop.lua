-- Stops a periodic type until a server starts that defines it. ARGV: type.
-- Returns whether it was going on (1 or 0), and the id of the occurrence under way or ''.
local m = moves()
local name = ARGV[1]
local spec, template = string.match(call('HGET', PERIODIC, name) or '', '^(%S+) (.*)$')
if not spec or spec == 'stopped' then
  return {0, ''}
end
call('ZREM', SCHEDULE, name)
call('HSET', PERIODIC, name, 'stopped ' .. template)
return {1, m.is_under_way(name) and call('HGET', OCCURRENCE, name) or ''}
