-- Adds one server's gathered counts to the global table, once however often it is called.
-- KEYS: global table, the server's table, the server's last flush
-- ARGV: flush number, milliseconds that the server's table outlives its last flush,
--       number of counts, (key, n)…, then (key, value)… of the server's table
if tonumber(redis.call('GET', KEYS[3]) or '0') >= tonumber(ARGV[1]) then
  return 0
end
local last = 3 + 2 * tonumber(ARGV[3])
for i = 4, last, 2 do
  redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1])
end
for i = last + 1, #ARGV, 2 do
  redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
end
redis.call('PEXPIRE', KEYS[2], ARGV[2])
redis.call('SET', KEYS[3], ARGV[1], 'PX', 3600000)
return 1
