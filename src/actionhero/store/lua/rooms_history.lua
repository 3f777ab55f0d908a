-- History, bounded by count and age: forgets the oldest, a few a call, and remembers how far.
local function trim(most, age)
  for _ = 1, 10 do
    local first = call('XRANGE', HISTORY, '-', '+', 'COUNT', 1)[1]
    if not first then
      return
    end
    local at, born = string.match(first[1], '(%d+)-(%d+)')
    if call('XLEN', HISTORY) <= most and now - tonumber(born) <= age then
      return
    end
    call('XDEL', HISTORY, first[1])
    floor = tonumber(at)
    call('HSET', META, 'floor', at)
  end
end
