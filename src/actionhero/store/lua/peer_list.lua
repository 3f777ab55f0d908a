-- Who lives. KEYS: as peer_beat   Returns the descriptions.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local live = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf')
return #live > 0 and redis.call('HMGET', KEYS[2], unpack(live)) or {}
