-- Reads one cached object and notes when it was read.
-- KEYS: the object   returns: value, created at, read at (the last time before this), expires at
local found = redis.call('HMGET', KEYS[1], 'value', 'created', 'read', 'expires')
if found[1] then
  local time = redis.call('TIME')
  redis.call('HSET', KEYS[1], 'read', time[1] * 1000 + math.floor(time[2] / 1000))
end
return found
