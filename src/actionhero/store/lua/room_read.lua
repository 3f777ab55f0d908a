-- What was said since. ARGV: epoch, offset, frames at most, history: at most, ms
-- Returns the epoch, the last offset, up to which offset something is not known any more ('': all
-- is), then the frames behind that.
local at, most = tonumber(ARGV[2]), tonumber(ARGV[3])
local found = {epoch, text(offset), ''}
if ARGV[1] ~= epoch then
  found[3] = text(offset)
  return found
end
if at == offset then
  return found
end
trim(tonumber(ARGV[4]), tonumber(ARGV[5]))
local entries = call('XRANGE', HISTORY, ARGV[2] .. '-0', '+', 'COUNT', most + 1)
local oldest = entries[1] and tonumber(string.match(entries[1][1], '%d+'))
local first = oldest == at and 2 or 1
if not oldest then
  found[3] = text(offset)
elseif oldest ~= at and at ~= floor then
  found[3] = text(oldest - 1)
end
for i = first, math.min(#entries, first + most - 1) do
  found[#found + 1] = entries[i][2][2]
end
return found
