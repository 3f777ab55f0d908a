-- Where a task is. Looks through what every server holds, so it is for people, not for hot paths.

local m = moves()

-- Its state, and what goes with it: the list it waits in, when it is due or failed, who has it.
local function place_of(id, record)
  local failed = call('ZSCORE', FAILED, id)
  if failed then
    return 'failed', failed
  end
  local due = call('ZSCORE', DELAYED, id)
  if due then
    return call('HEXISTS', ATTEMPTS, id) == 1 and 'retrying' or 'delayed', due
  end
  local account = call('HGET', BROADCAST, id)
  if account then
    return 'broadcast', account
  end
  local servers = call('ZRANGE', SERVERS, 0, -1)
  for _, server in ipairs(servers) do
    if call('HEXISTS', PROCESSING .. server, id) == 1 then
      return 'processing', server
    end
  end
  if not m.is_copy(record) then
    local waiting = WAITING .. (marks().name_of(record) or '')
    return 'pending', call('LPOS', waiting, id) and waiting or m.list_of(record)
  end
  for _, server in ipairs(call('ZRANGE', ABSENT, 0, -1)) do
    servers[#servers + 1] = server
  end
  for _, server in ipairs(servers) do
    if call('LPOS', LOCAL .. server, id) then
      return 'local', LOCAL .. server
    end
  end
  return 'local', LOCAL .. string.match(id, '@([^@]*)$')
end

return {place_of = place_of}
