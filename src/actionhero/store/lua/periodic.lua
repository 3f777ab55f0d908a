-- The periodic types. Returns of each: name, spec, record, next time or '', id under way or ''.
-- One that was stopped and that no server defines is forgotten: only a start can bring it back.
local m = moves()
local found = {}
local entries = call('HGETALL', PERIODIC)
for i = 1, #entries, 2 do
  local name = entries[i]
  local spec, template = string.match(entries[i + 1], '^(%S+) (.*)$')
  if spec == 'stopped' and not m.is_defined(name) then
    call('HDEL', PERIODIC, name)
  else
    found[#found + 1] = {name, spec, template, call('ZSCORE', SCHEDULE, name) or '',
      m.is_under_way(name) and call('HGET', OCCURRENCE, name) or ''}
  end
end
return found
