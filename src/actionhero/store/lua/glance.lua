-- A queue at a glance, for watching. ARGV: how many tasks of each server to name, how many dead
-- letters to show.
-- Returns: the time, the counts, the servers, then ids, times, records and troubles of the newest
-- dead letters. A server is: id, end of its lease, how many tasks it holds, then of some of them:
-- name and claim token.
-- Changes nothing, and looks at a bounded number of tasks of each server.
local most, failures = tonumber(ARGV[1]), tonumber(ARGV[2])

local function glance_at(server, lease)
  local held = PROCESSING .. server
  local found = {server, lease, math.max(0, call('HLEN', held) - 1)}
  local entries, ids, tokens = call('HSCAN', held, '0', 'COUNT', most)[2], {}, {}
  for i = 1, #entries, 2 do
    if entries[i] ~= '' and #ids < most then
      ids[#ids + 1], tokens[#tokens + 1] = entries[i], entries[i + 1]
    end
  end
  local records = #ids > 0 and call('HMGET', DATA, unpack(ids)) or {}
  for i = 1, #ids do
    found[#found + 1] = string.match(records[i] or '', '^{"name":"([^"]*)"', 18) or '?'
    found[#found + 1] = tokens[i]
  end
  return found
end

local servers = {}
local leases = call('ZRANGE', SERVERS, 0, -1, 'WITHSCORES')
for i = 1, #leases, 2 do
  servers[#servers + 1] = glance_at(leases[i], leases[i + 1])
end
local ids, times = {}, {}
local newest = call('ZREVRANGE', FAILED, 0, failures - 1, 'WITHSCORES')
for i = 1, #newest, 2 do
  ids[#ids + 1], times[#times + 1] = newest[i], newest[i + 1]
end
local records = #ids > 0 and call('HMGET', DATA, unpack(ids)) or {}
local troubles = #ids > 0 and call('HMGET', ATTEMPTS, unpack(ids)) or {}
return {string.format('%.0f', now), tally(), servers, ids, times, records, troubles}
