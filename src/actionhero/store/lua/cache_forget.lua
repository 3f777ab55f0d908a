-- Forgets an object or a list, and tells the near caches.
-- KEYS: the key   ARGV: channel, name
-- Returns whether there was anything.
local count = redis.call('UNLINK', KEYS[1])
redis.call('PUBLISH', ARGV[1], ARGV[2])
return count
