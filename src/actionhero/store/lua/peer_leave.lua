-- A server goes. KEYS: as peer_beat   ARGV: server, channel
if redis.call('ZREM', KEYS[1], ARGV[1]) == 1 then
  redis.call('HDEL', KEYS[2], ARGV[1])
  redis.call('PUBLISH', ARGV[2], '{"kind":"left","server":"' .. ARGV[1] .. '"}')
end
return 1
