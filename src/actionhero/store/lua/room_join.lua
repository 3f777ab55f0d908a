-- Members of one server come.
-- ARGV: server, the epoch that it must be ('' any), members at most (0 any), whether to announce,
--       run of the store, history: at most, ms; then (id, when it joined in ms or 0: now, details)…
-- Returns the epoch, the offset after all that, and the time; or how many members it has if it is
-- full.
local server, wanted, most = ARGV[1], ARGV[2], tonumber(ARGV[3])
if wanted ~= '' and wanted ~= epoch then
  return false
end
if most > 0 then
  local count = tonumber(call('HGET', META, 'members'))
  if count + (#ARGV - 7) / 3 > most then
    return count
  end
end
local key, come = MEMBERS .. server, 0
for i = 8, #ARGV, 3 do
  local joined = ARGV[i + 1] == '0' and text(now) or ARGV[i + 1]
  come = come + call('HSET', key, ARGV[i],
    '{"joinedAt":' .. joined .. ',' .. string.sub(ARGV[i + 2], 2))
  if ARGV[4] == '1' then
    announce(ARGV[i], 'I have entered the room', ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7]))
  end
end
call('SADD', SERVERS, server)
call('HINCRBY', META, 'members', come)
return {epoch, text(offset), text(now)}
