-- How many tasks there are: pending, local, delayed, processing, failed, broadcast, then the servers,
-- the periodic types, and whether the queue is paused (1). Those that wait for a turn of their type
-- are pending.
local pending = call('LLEN', HIGH) + call('LLEN', NORMAL) + call('LLEN', LOW)
for _, name in ipairs(call('HKEYS', LIMITS)) do
  pending = pending + call('LLEN', WAITING .. name)
end
local waiting, processing = 0, 0
local servers = call('ZRANGE', SERVERS, 0, -1)
for _, server in ipairs(servers) do
  waiting = waiting + call('LLEN', LOCAL .. server)
  processing = processing + math.max(0, call('HLEN', PROCESSING .. server) - 1)
end
for _, server in ipairs(call('ZRANGE', ABSENT, 0, -1)) do
  waiting = waiting + call('LLEN', LOCAL .. server)
end
return {pending, waiting, call('ZCARD', DELAYED), processing, call('ZCARD', FAILED),
  call('HLEN', BROADCAST), #servers, call('HLEN', PERIODIC), call('EXISTS', PAUSED)}
