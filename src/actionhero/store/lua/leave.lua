-- A server stops working a queue. ARGV: server.
-- Returns how many tasks it still holds; if any, it stays until its lease runs out.
local m = moves()
local server = ARGV[1]
local held = call('HLEN', PROCESSING .. server)
if held <= 1 then
  call('DEL', PROCESSING .. server, TYPES .. server, WAKES .. server, ORDERS .. server)
  call('ZREM', SERVERS, server)
  m.leave_local(server)
end
return math.max(0, held - 1)
