-- Notes what running tasks say of their progress. ARGV: server, then of each: id, token, JSON object.
-- Returns how many stood. The time is added here.
local server, count = ARGV[1], 0
for i = 2, #ARGV, 3 do
  local id = ARGV[i]
  if call('HGET', PROCESSING .. server, id) == ARGV[i + 1] then
    local text = string.format('{"at":%.0f,', now) .. string.sub(ARGV[i + 2], 2)
    if call('HGET', PROGRESS, id) ~= text then
      call('HSET', PROGRESS, id, text)
    end
    count = count + 1
  end
end
return count
