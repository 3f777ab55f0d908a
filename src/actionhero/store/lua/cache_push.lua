-- Adds to the end of a cached list.
-- KEYS: the list   ARGV: item, milliseconds the list lives from now on (0: as it is)
-- Returns its length.
local length = redis.call('RPUSH', KEYS[1], ARGV[1])
if ARGV[2] ~= '0' then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return length
