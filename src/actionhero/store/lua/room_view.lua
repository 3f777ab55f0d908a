-- A room and its members, up to a number of them. ARGV: members at most
-- Returns the epoch, the last offset, when it was created, how many members it has, details…
local found = {epoch, text(offset), call('HGET', META, 'createdAt'), call('HGET', META, 'members')}
local left = tonumber(ARGV[1])
for _, server in ipairs(call('SMEMBERS', SERVERS)) do
  local cursor = '0'
  repeat
    local page = call('HSCAN', MEMBERS .. server, cursor, 'COUNT', 1000)
    cursor = page[1]
    for i = 2, #page[2], 2 do
      if left == 0 then
        return found
      end
      found[#found + 1] = page[2][i]
      left = left - 1
    end
  until cursor == '0'
end
return found
