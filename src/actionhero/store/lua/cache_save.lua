-- Writes one cached object, and tells the near caches.
-- KEYS: the object   ARGV: value, milliseconds it lives (0: for ever), channel, name
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'value', ARGV[1], 'created', now)
if tonumber(ARGV[2]) > 0 then
  redis.call('HSET', KEYS[1], 'expires', now + ARGV[2])
  redis.call('PEXPIREAT', KEYS[1], now + ARGV[2])
end
redis.call('PUBLISH', ARGV[3], ARGV[4])
return 1
