-- Keeps the lease of a server. ARGV: server, lease in ms.
-- Returns 1, or 0 if the lease was lost: others took what the server held.
-- A server that finds its own lease run out and untaken was away together with everybody else (the
-- store was): all get a fresh lease, so that nobody's tasks lapse for that.
local server, lease = ARGV[1], tonumber(ARGV[2])
if call('HEXISTS', PROCESSING .. server, '') == 0 then
  return 0
end
local before = call('ZSCORE', SERVERS, server)
call('ZREM', SERVERS, server)
if before and tonumber(before) <= now then
  for _, expired in ipairs(call('ZRANGEBYSCORE', SERVERS, '-inf', now)) do
    call('ZADD', SERVERS, now + lease, expired)
  end
end
call('ZADD', SERVERS, now + lease, server)
return 1
