-- Writes what one call has changed of a session; what others change meanwhile is left as it is.
-- KEYS: the session
-- ARGV: milliseconds it shall live from now on, 1 if it may be a new one (else 0), how many names
-- are to be forgotten, these names, then name, value, name, …
-- Returns 1; 0 if the session has been ended meanwhile: then nothing is written.
if ARGV[2] == '0' and redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
local forgotten = tonumber(ARGV[3])
for i = 4, 3 + forgotten do
  redis.call('HDEL', KEYS[1], ARGV[i])
end
for i = 4 + forgotten, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
end
local time = redis.call('TIME')
redis.call('HSETNX', KEYS[1], '', string.format('%.0f', time[1] * 1000))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
