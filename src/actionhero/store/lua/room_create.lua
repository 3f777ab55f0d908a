-- A room comes to be. KEYS: as rooms.lua   ARGV: epoch, run of the store   Returns 0 if it was there.
local time = redis.call('TIME')
if redis.call('HSETNX', KEYS[1], 'epoch', ARGV[1]) == 0 then
  return 0
end
redis.call('HSET', KEYS[1], 'offset', 0, 'floor', 0, 'run', ARGV[2], 'members', 0,
  'createdAt', string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)))
return 1
