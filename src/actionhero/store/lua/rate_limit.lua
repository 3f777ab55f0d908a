-- The generic cell rate algorithm (ITU-T I.371): one number a client, no counters, no windows.
-- The number is the time at which the client will have paid for all it has used.
-- KEYS: that number   ARGV: microseconds that one use costs, uses that may come at once
-- Returns 0 if the use is allowed, else the microseconds to wait.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local cost, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local paid = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now) + cost
local wait = paid - burst * cost - now
if wait > 0 then
  return math.ceil(wait)
end
redis.call('SET', KEYS[1], string.format('%.0f', paid), 'PX', math.ceil((paid - now) / 1000))
return 0
