-- Pauses a queue, or resumes it. ARGV: 1 to pause, 0 to resume.
-- Returns 1, or 0 if it was so already.
if ARGV[1] == '1' then
  return call('SETNX', PAUSED, string.format('%.0f', now))
end
if call('DEL', PAUSED) == 0 then
  return 0
end
wake(WAKE)
for _, server in ipairs(call('ZRANGE', SERVERS, 0, -1)) do
  wake(WAKES .. server)
end
return 1
