-- Keeps a lock, or gives it back; only its owner may.
-- KEYS: the lock   ARGV: token, milliseconds it lives from now on (0: give it back)
-- Returns 1, or 0 if it is not the owner's (any more).
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
if ARGV[2] == '0' then
  return redis.call('DEL', KEYS[1])
end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
