-- Gives dead letters another chance, with all their attempts.
-- ARGV: each: id, the time it failed ('': whenever).
-- Returns of each: retried, or why not: unknown, changed (it is another failure), absent (a copy
-- whose server is gone), succeeded (another one stands for what makes it unique), or its state.
local m = moves()

local function retry(id, record)
  local server = m.is_copy(record) and string.match(id, '@([^@]*)$')
  if server and not m.heir_of(server) then
    return 'absent'
  elseif string.byte(record, 4) ~= 45 and marks().has_successor(id, record) then
    return 'succeeded'
  end
  m.leave_grave(id, record)
  call('ZREM', FAILED, id)
  call('HDEL', ATTEMPTS, id)
  call('DEL', RESULT .. id)
  if string.byte(record, 4) ~= 45 then
    marks().stand(id, record)
  end
  if server then
    m.book(string.match(id, '^(.*)@'), m.FAILURES, -1)
    m.push_local('RPUSH', server, id)
  else
    call('RPUSH', m.list_of(record), id)
    wake(WAKE)
  end
  return 'retried'
end

local told = {}
for i = 1, #ARGV, 2 do
  local id, time = ARGV[i], ARGV[i + 1]
  local record, score = call('HGET', DATA, id), call('ZSCORE', FAILED, id)
  local answer
  if score and record and (time == '' or time == score) then
    answer = retry(id, record)
  elseif time ~= '' then
    answer = 'changed'
  else
    answer = record and places().place_of(id, record) or 'unknown'
  end
  told[#told + 1] = answer
end
return told
