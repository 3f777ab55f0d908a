-- Reads one cached object and notes when it was read.
-- KEYS: the object   ARGV: milliseconds it shall live from now on (0: as it is)
-- Returns: value, created at, read at (the last time before this), expires at
local found = redis.call('HMGET', KEYS[1], 'value', 'created', 'read', 'expires')
if found[1] then
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  redis.call('HSET', KEYS[1], 'read', now)
  if tonumber(ARGV[1]) > 0 then
    found[4] = string.format('%.0f', now + ARGV[1])
    redis.call('HSET', KEYS[1], 'expires', found[4])
    redis.call('PEXPIREAT', KEYS[1], found[4])
  end
end
return found
