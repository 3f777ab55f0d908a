-- Adds one server's gathered counts to the global table, once however often it is called.
-- KEYS: global table, the server's table, the server's last flush, the servers that have a table
-- ARGV: flush number, server, milliseconds that the server's table outlives its last flush,
--       number of counts, (key, n)…, then (key, value)… of the server's table
if tonumber(redis.call('GET', KEYS[3]) or '0') >= tonumber(ARGV[1]) then
  return 0
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local last = 4 + 2 * tonumber(ARGV[4])
for i = 5, last, 2 do
  redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1])
end
for i = last + 1, #ARGV, 2 do
  redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
end
redis.call('PEXPIRE', KEYS[2], ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', now)
redis.call('ZADD', KEYS[4], now + ARGV[3], ARGV[2])
redis.call('PEXPIRE', KEYS[4], 3600000)
redis.call('SET', KEYS[3], ARGV[1], 'PX', 3600000)
return 1
