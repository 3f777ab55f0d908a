-- A server says that it lives. Those whose time ran out are forgotten, and everybody is told who
-- came and went.
-- KEYS: servers by the end of their lease, server → description
-- ARGV: server, lease in ms, description (JSON), channel
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 100)) do
  if gone ~= ARGV[1] then
    redis.call('ZREM', KEYS[1], gone)
    redis.call('HDEL', KEYS[2], gone)
    redis.call('PUBLISH', ARGV[4], '{"kind":"left","server":"' .. gone .. '"}')
  end
end
redis.call('HDEL', KEYS[2], ARGV[1])  -- a full store lets a script go on that has begun to write
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
if redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1]) == 1 then
  redis.call('PUBLISH', ARGV[4], '{"kind":"joined","peer":' .. ARGV[3] .. '}')
end
return 1
