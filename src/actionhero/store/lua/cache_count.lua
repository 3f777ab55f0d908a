-- Adds to a cached number; one that is not there is 0. Tells the near caches.
-- KEYS: the object   ARGV: how many, milliseconds a new one lives (0: for ever), channel, name
-- Returns the number.
local is_new = redis.call('EXISTS', KEYS[1]) == 0
local number = redis.call('HINCRBY', KEYS[1], 'value', ARGV[1])
if is_new then
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  redis.call('HSET', KEYS[1], 'created', now)
  if tonumber(ARGV[2]) > 0 then
    redis.call('HSET', KEYS[1], 'expires', now + ARGV[2])
    redis.call('PEXPIREAT', KEYS[1], now + ARGV[2])
  end
end
redis.call('PUBLISH', ARGV[3], ARGV[4])
return number
