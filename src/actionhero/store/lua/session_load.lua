-- Reads one session, and puts off its end; not at every read, but when a tenth of its life is over.
-- KEYS: the session, a hash; its field '' is the time at which the client was last given its cookie
-- ARGV: milliseconds it shall live from now on, 1 if the reply can carry a cookie (else 0)
-- Returns: 1 if the client needs its cookie again (else 0), name, value, name, … ; nothing if there
-- is no such session.
local found = redis.call('HGETALL', KEYS[1])
if #found == 0 then
  return found
end
local life = tonumber(ARGV[1])
if redis.call('PTTL', KEYS[1]) < life * 0.9 then
  redis.call('PEXPIRE', KEYS[1], life)
end
local is_due = 0
if ARGV[2] == '1' then
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  if now - tonumber(redis.call('HGET', KEYS[1], '') or 0) > life * 0.1 then
    redis.call('HSET', KEYS[1], '', string.format('%.0f', now))
    is_due = 1
  end
end
table.insert(found, 1, is_due)
return found
