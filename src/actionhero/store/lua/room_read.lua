-- What was said since. ARGV: epoch, offset, frames at most, history: at most, ms
-- Returns the epoch, the last offset, 1 or (what is asked for is not known any more) 0, frames…
local at, most = tonumber(ARGV[2]), tonumber(ARGV[3])
local found = {epoch, text(offset), 1}
if ARGV[1] ~= epoch then
  found[3] = 0
  return found
end
if at == offset then
  return found
end
trim(tonumber(ARGV[4]), tonumber(ARGV[5]))
local entries = call('XRANGE', HISTORY, ARGV[2] .. '-0', '+', 'COUNT', most + 1)
local first = 1
if entries[1] and tonumber(string.match(entries[1][1], '%d+')) == at then
  first = 2
elseif at ~= floor or not entries[1] then
  found[3] = 0
  return found
end
for i = first, math.min(#entries, first + most - 1) do
  found[#found + 1] = entries[i][2][2]
end
return found
