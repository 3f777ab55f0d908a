-- How tasks move: back to their queue, to the dead letters, out of their account.
local GRACE = 30000
local DONE, FAILURES, GONE = 2, 3, 4

local made
local function flagged()
  made = made or marks()
  return made
end

local function kind_of(record)
  return string.sub(record, 3, 3)
end

local function is_copy(record)
  return string.find(record, '^..[cd]') ~= nil
end

local BANDS = {h = HIGH, n = NORMAL, l = LOW}
local function list_of(record)
  return BANDS[string.sub(record, 2, 2)] or NORMAL
end

-- Whether what comes of this task is to be kept.
local function is_kept(record)
  local flag = string.byte(record, 4)
  return flag >= 64 and math.floor(flag / 4) % 2 == 1
end

-- Keeps what came of a task, if its record asks for that, and tells who waits. `more` is JSON: a
-- member "result" or "error", or nothing.
local function keep(id, record, state, more)
  if not is_kept(record) then
    return
  end
  local name, milliseconds = string.match(record, '"name":"([^"]*)".-"keep":(%d+)')
  local text = string.format('{"state":"%s","name":"%s","finished_at":%.0f', state, name, now)
  if more and more ~= '' then
    text = text .. ',' .. more
  end
  call('SET', RESULT .. id, text .. '}', 'PX', milliseconds)
  call('PUBLISH', ENDED, id)
end

-- An error, which is a JSON object, with the server on which it came up.
local function with_server(problem, server)
  if string.sub(problem, -1) ~= '}' then
    return problem
  end
  local comma = #problem > 2 and ',' or ''
  return string.sub(problem, 1, -2) .. comma .. '"server":"' .. server .. '"}'
end

-- Adds to what went wrong with a task; returns its lapses. `problem` came up on `server`.
local function count_trouble(id, attempts, lapses, problem, server)
  local text = call('HGET', ATTEMPTS, id)
  local raised, lapsed, error = 0, 0, ''
  if text then
    raised, lapsed, error = string.match(text, '^(%d+) (%d+) (.*)$')
  end
  raised, lapsed = raised + attempts, lapsed + lapses
  if problem then
    error = with_server(problem, server)
  end
  call('HSET', ATTEMPTS, id, raised .. ' ' .. lapsed .. ' ' .. error)
  return lapsed
end

-- A lease with a fraction has run out: its server has a moment to renew it (see tasks_duties).
local function is_live(server)
  local lease = tonumber(call('ZSCORE', SERVERS, server) or 0)
  return lease > now and lease % 1 == 0
end

-- The live server that takes what is meant for `server`: itself, or one that bears its name.
local function heir_of(server)
  if is_live(server) then
    return server
  end
  local name = string.match(server, '^(.*):')
  for _, other in ipairs(call('ZRANGEBYSCORE', SERVERS, '(' .. now, '+inf')) do
    if other ~= server and string.match(other, '^(.*):') == name then
      return other
    end
  end
end

-- Gives a copy to its server. If that is gone, the copy waits for the heir until the grace ends.
local function push_local(push, server, id)
  local heir = heir_of(server)
  call(push, LOCAL .. (heir or server), id)
  if heir then
    wake(WAKES .. heir)
  elseif not call('ZSCORE', SERVERS, server) then
    call('ZADD', ABSENT, 'NX', now + GRACE, server)
  end
end

-- What a server that leaves had for itself goes to its heir, or waits for one.
local function leave_local(server)
  if call('EXISTS', LOCAL .. server) == 0 then
    return
  end
  local heir = heir_of(server)
  if not heir then
    call('ZADD', ABSENT, now + GRACE, server)
    return
  end
  while call('LMOVE', LOCAL .. server, LOCAL .. heir, 'LEFT', 'RIGHT') do end
  wake(WAKES .. heir)
end

-- Back to the head of its queue. What its type's limits gave it, it keeps.
local function put_back(id, record, server)
  if is_copy(record) then
    push_local('LPUSH', server, id)
  else
    call('LPUSH', list_of(record), id)
  end
end

-- These lapsed and are to start again; the last one will be the first.
local function take_back(ids, records, server)
  local types = {}
  for _, id in ipairs(ids) do
    local record = records[id]
    local name = string.byte(record, 4) ~= 45 and flagged().wait_again(id, record)
    if name then
      types[name] = true
    else
      put_back(id, record, server)
    end
  end
  for name in pairs(types) do
    flagged().advance(name)
  end
end

-- One that ran waits for its next attempt.
local function wait_for_retry(id, record, due)
  call('ZADD', DELAYED, due, id)
  if string.byte(record, 4) ~= 45 then
    flagged().release(id, record)
  end
end

-- Whether an occurrence of this type waits or runs.
local function is_under_way(name)
  local id = call('HGET', OCCURRENCE, name)
  return id and call('HEXISTS', DATA, id) == 1
end

-- Whether a server defines a type; or with "TYPE SPEC", so.
local function is_defined(member)
  for _, server in ipairs(call('ZRANGE', SERVERS, 0, -1)) do
    if call('SISMEMBER', TYPES .. server, member) == 1 then
      return true
    end
  end
end

-- Plans the next occurrence, counted from now, if this was the one under way. One by the clock is
-- planned already; it may have waited for this.
local function plan_next(id)
  local name = string.match(id, '^(.*)#')
  if call('HGET', OCCURRENCE, name) ~= id then
    return
  end
  call('HDEL', OCCURRENCE, name)
  local every = string.match(call('HGET', PERIODIC, name) or '', '^(%d+) ')
  if every then
    call('ZADD', SCHEDULE, now + every, name)
  else
    wake(WAKE)
  end
end

-- Books one copy in the account of its parent; the last one completes the parent.
local function book(parent, column, by)
  local text = call('HGET', BROADCAST, parent)
  if not text then
    return
  end
  local counts = {}
  for count in string.gmatch(text, '%d+') do
    counts[#counts + 1] = tonumber(count)
  end
  counts[column] = counts[column] + by
  text = table.concat(counts, ' ')
  if counts[DONE] + counts[FAILURES] + counts[GONE] < counts[1] then
    call('HSET', BROADCAST, parent, text)
    return
  end
  local record = call('HGET', DATA, parent)
  call('HDEL', BROADCAST, parent)
  call('HDEL', DATA, parent)
  notes[#notes + 1] = 'fanout ' .. parent .. ' ' .. text
  if record then
    keep(parent, record, 'completed', string.format(
      '"result":{"expected":%d,"done":%d,"failed":%d,"absent":%d}', unpack(counts)))
  end
  if record and kind_of(record) == 'b' then
    plan_next(parent)
  end
end

-- A task has come to its end: who waits for that goes on.
local function conclude(id, record, column)
  if string.byte(record, 4) ~= 45 then
    flagged().leave(id, record)
  end
  if string.find(record, '^..[pb]') then
    plan_next(id)
  elseif is_copy(record) then
    book(string.match(id, '^(.*)@'), column, 1)
  end
end

local function forget(id)
  call('HDEL', DATA, id)
  call('HDEL', ATTEMPTS, id)
end

-- Ends a task as cancelled.
local function cancel(id, record, error)
  forget(id)
  keep(id, record, 'cancelled', error and error ~= '' and '"error":' .. error)
  conclude(id, record, GONE)
end

-- Takes what a server held out of its hands. Returns whether it was to be cancelled.
local function take_from(server, id)
  call('HDEL', PROGRESS, id)
  return call('HDEL', ORDERS .. server, id) == 1
end

-- Back to the queue, or to its end, if somebody cancelled it.
local function hand_back(id, record, server)
  if take_from(server, id) then
    cancel(id, record)
    notes[#notes + 1] = 'cancelled ' .. id
  else
    put_back(id, record, server)
  end
end

-- The place of the newest dead letter of a periodic type (or of one server's copies of it).
local function grave_of(id, record)
  if string.find(record, '^..[pd]') then
    local name, place = string.match(id, '^(.*)#%d+(.*)$')
    return name and '!' .. name .. string.gsub(place, ':[^:]*$', '')
  end
end

-- A dead letter is retried or purged.
local function leave_grave(id, record)
  local grave = record and grave_of(id, record)
  if grave and call('HGET', OCCURRENCE, grave) == id then
    call('HDEL', OCCURRENCE, grave)
  end
end

-- Into the dead letters. Of a periodic type only the newest one is kept (on each server's name):
-- one that fails every second must not fill the store.
local function bury(id, record)
  local grave = grave_of(id, record)
  call('ZADD', FAILED, now, id)
  if grave then
    local older = call('HGET', OCCURRENCE, grave)
    if older and older ~= id and call('ZREM', FAILED, older) == 1 then
      forget(older)
    end
    call('HSET', OCCURRENCE, grave, id)
  end
  if is_kept(record) then
    local error = string.match(call('HGET', ATTEMPTS, id) or '', '^%d+ %d+ (.+)$')
    keep(id, record, 'failed', error and '"error":' .. error)
  end
  conclude(id, record, FAILURES)
end

return {
  DONE = DONE, FAILURES = FAILURES, GONE = GONE,
  kind_of = kind_of, is_copy = is_copy, list_of = list_of, is_live = is_live, heir_of = heir_of,
  is_under_way = is_under_way, is_defined = is_defined,
  count_trouble = count_trouble, push_local = push_local, leave_local = leave_local,
  put_back = put_back, take_back = take_back, wait_for_retry = wait_for_retry,
  keep = keep, cancel = cancel, take_from = take_from, hand_back = hand_back, book = book,
  conclude = conclude, forget = forget, bury = bury, leave_grave = leave_grave,
}
