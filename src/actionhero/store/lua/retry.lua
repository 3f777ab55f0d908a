-- Gives a dead letter another chance, with all its attempts. ARGV: id.
-- Returns retried, or why not: unknown, absent (a copy whose server is gone), or its state.
local m = moves()
local id = ARGV[1]
local record = call('HGET', DATA, id)
if not record then
  return 'unknown'
end
if not call('ZSCORE', FAILED, id) then
  return (places().place_of(id, record))
end
local server = m.is_copy(record) and string.match(id, '@([^@]*)$')
if server and not m.heir_of(server) then
  return 'absent'
end
call('ZREM', FAILED, id)
call('HDEL', ATTEMPTS, id)
call('DEL', RESULT .. id)
if server then
  m.book(string.match(id, '^(.*)@'), m.FAILURES, -1)
  m.push_local('RPUSH', server, id)
else
  call('RPUSH', m.list_of(record), id)
  wake(WAKE)
end
return 'retried'
