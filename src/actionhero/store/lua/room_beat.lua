-- A server with members says that it lives.
-- KEYS: servers by the end of their lease   ARGV: server, lease in ms, whether it is new ('1')
-- Returns 1, or 0 if its time had run out: then it is to be counted as dead, and to come back by
-- another name. Then the servers that are dead.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ends = redis.call('ZSCORE', KEYS[1], ARGV[1])
local lives = ARGV[3] == '1' or (ends and tonumber(ends) > now)
redis.call('ZREM', KEYS[1], ARGV[1])  -- a full store lets a script go on that has begun to write
redis.call('ZADD', KEYS[1], lives and now + ARGV[2] or now, ARGV[1])
local dead = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 100)
return {lives and 1 or 0, unpack(dead)}
