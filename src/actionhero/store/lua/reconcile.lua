-- Makes the store and a server agree on what the server holds.
-- ARGV: server, its last tick, then each id that it knows and its token
-- What it holds but does not know goes back to the queue and counts nothing: it never started.
-- Returns the ids that it knows but does not hold any more.
-- A call that comes late, over a connection that was given up, does nothing: what the server has
-- claimed since then, that call does not know.
local m = moves()
local server, number, known, lost = ARGV[1], tonumber(ARGV[2]), {}, {}
local held = PROCESSING .. server
local last = tonumber(string.match(call('HGET', held, '') or '0', '^%d+'))
if last > number then
  return {}
end
for i = 3, #ARGV, 2 do
  local id, token = ARGV[i], ARGV[i + 1]
  known[id] = true
  if call('HGET', held, id) ~= token then
    lost[#lost + 1] = id
  end
end
local entries = call('HGETALL', held)
local unknown = {}
for i = 1, #entries, 2 do
  local id = entries[i]
  if id ~= '' and not known[id] then
    unknown[#unknown + 1] = id
  end
end
table.sort(unknown, function(one, other) return one > other end)
for _, id in ipairs(unknown) do
  call('HDEL', held, id)
  local record = call('HGET', DATA, id)
  if record then
    m.hand_back(id, record, server)
  end
end
if #unknown > 0 then
  wake(WAKE)
end
return lost
