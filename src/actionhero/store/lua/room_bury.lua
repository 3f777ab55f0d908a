-- Nothing of a server is left in some rooms. Once it is in none, and dead, it is forgotten.
-- KEYS: as room_enter   ARGV: server, rooms…
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if #ARGV > 1 then
  redis.call('SREM', KEYS[2], unpack(ARGV, 2))
end
local ends = redis.call('ZSCORE', KEYS[1], ARGV[1])
if ends and tonumber(ends) <= now and redis.call('EXISTS', KEYS[2]) == 0 then
  redis.call('ZREM', KEYS[1], ARGV[1])
end
return 1
