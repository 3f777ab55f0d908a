-- A server will have members in rooms: said before it has, so that nothing of it is ever forgotten.
-- KEYS: servers by the end of their lease, the rooms of this one
-- ARGV: server, the lease in ms that it gets if it is unknown; rooms…
-- A server that lives gives itself none here: if it is unknown, it counts as dead, and its next beat
-- tells it so.
redis.call('SADD', KEYS[2], unpack(ARGV, 3))
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  local time = redis.call('TIME')
  redis.call('ZADD', KEYS[1], time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2], ARGV[1])
end
return 1
