-- Members of one server go: those that are named, or (none is) any 500 of them.
-- ARGV: server, whether to announce, run of the store, history: at most, ms; then ids…
-- What is in the room by another server, or an earlier run of this one, is not announced.
-- Returns how many went.
local key, gone = MEMBERS .. ARGV[1], 0
local ids = #ARGV > 5 and {unpack(ARGV, 6)} or call('HRANDFIELD', key, 500)

local function is_elsewhere(id)
  for _, server in ipairs(call('SMEMBERS', SERVERS)) do
    if call('HEXISTS', MEMBERS .. server, id) == 1 then
      return true
    end
  end
end

for _, id in ipairs(ids) do
  if call('HDEL', key, id) == 1 then
    gone = gone + 1
    if ARGV[2] == '1' and not is_elsewhere(id) then
      announce(id, 'I have left the room', ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]))
    end
  end
end
if call('EXISTS', key) == 0 then
  call('SREM', SERVERS, ARGV[1])
end
call('HINCRBY', META, 'members', -gone)
return gone
