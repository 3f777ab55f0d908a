-- What was read for an inbox is taken, once. KEYS: inbox (room → position)
-- ARGV: ms that the inbox is kept, then (room, position before, position after)…
-- Returns 1 for each that was taken, 0 where somebody else was first.
local taken = {}
for i = 2, #ARGV, 3 do
  local is_first = redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1]
  if is_first and ARGV[i + 1] ~= ARGV[i + 2] then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 2])
  end
  taken[#taken + 1] = is_first and 1 or 0
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return taken
