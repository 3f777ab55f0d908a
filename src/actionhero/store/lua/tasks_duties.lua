-- The duties of every server, each bounded: promote what is due, take back what dead servers held,
-- fire periodic types, fan out.

local m = moves()
local BOUND = 100
local SUSPENSE = 700

local function newest_first(records)
  return function(one, other)
    return string.sub(records[one], 5, 17) .. one > string.sub(records[other], 5, 17) .. other
  end
end

-- The live servers, and if of one it is not known whether it lives: when to look again (see judge).
local function live_servers()
  local servers, later = {}, nil
  local leases = call('ZRANGE', SERVERS, 0, -1, 'WITHSCORES')
  for i = 1, #leases, 2 do
    local lease = tonumber(leases[i + 1])
    if lease > now and lease % 1 == 0 then
      servers[#servers + 1] = leases[i]
    else
      later = math.max(later or now, math.ceil(lease))
    end
  end
  return servers, later
end

-- One copy for each live server, and an account of them. It stays due with no live server, and until
-- it is known of each whether it lives: one that does is not to be left out.
local function fan_out(parent, record)
  local servers, later = live_servers()
  if later or #servers == 0 then
    call('ZADD', DELAYED, later or now, parent)
    return
  end
  local kind = m.kind_of(record) == 'b' and 'd' or 'c'
  local copy = string.sub(record, 1, 2) .. kind .. string.sub(record, 4)
  for _, server in ipairs(servers) do
    local id = parent .. '@' .. server
    call('HSET', DATA, id, copy)
    call('RPUSH', LOCAL .. server, id)
    wake(WAKES .. server)
  end
  call('HSET', BROADCAST, parent, #servers .. ' 0 0 0')
end

local function promote()
  local ids = call('ZRANGEBYSCORE', DELAYED, '-inf', now, 'LIMIT', 0, BOUND)
  if #ids == 0 then
    return
  end
  call('ZREM', DELAYED, unpack(ids))
  local records = call('HMGET', DATA, unpack(ids))
  for i, id in ipairs(ids) do
    local record = records[i]
    if not record then
      notes[#notes + 1] = 'missing ' .. id
    elseif string.find(record, '^..[ab]') then
      fan_out(id, record)
    elseif m.is_copy(record) then
      m.push_local('RPUSH', string.match(id, '@([^@]*)$'), id)
    else
      call('RPUSH', m.list_of(record), id)
    end
  end
end

-- Takes back what a server held whose lease ran out; when nothing is left, forgets the server.
local function reap(dead, max_lapses)
  local held = PROCESSING .. dead
  local ids, records = {}, {}
  local entries = call('HSCAN', held, '0', 'COUNT', BOUND)[2]
  for i = 1, #entries, 2 do
    local id = entries[i]
    if id ~= '' then
      call('HDEL', held, id)
      local record = call('HGET', DATA, id)
      if record and m.take_from(dead, id) then
        m.cancel(id, record)
        notes[#notes + 1] = 'cancelled ' .. id
      elseif record then
        records[id], ids[#ids + 1] = record, id
      end
    end
  end
  table.sort(ids, newest_first(records))
  local again = {}
  for _, id in ipairs(ids) do
    local lapses = m.count_trouble(id, 0, 1)
    if lapses < max_lapses then
      notes[#notes + 1] = 'lapsed ' .. id .. ' ' .. dead
      again[#again + 1] = id
    else
      notes[#notes + 1] = 'poisoned ' .. id .. ' ' .. dead
      m.count_trouble(id, 0, 0, '{"type":"Lapsed","message":"' .. lapses
        .. ' servers in turn stopped answering while they had it"}', dead)
      m.bury(id, records[id])
    end
  end
  m.take_back(again, records, dead)
  if call('HLEN', held) <= 1 then
    call('DEL', held, TYPES .. dead, WAKES .. dead, ORDERS .. dead)
    call('ZREM', SERVERS, dead)
    m.leave_local(dead)
    notes[#notes + 1] = 'reaped ' .. dead
  end
end

-- A server whose lease ran out has SUSPENSE to come back, and is reaped then. When the store was away
-- for a while, or its clock was put forward, some leases run out before others, and nobody's tasks
-- are to lapse for that. A server asks four times a second while the store is away, and is told by
-- its own next tick. That it has had its time shows in the fraction: leases are whole milliseconds.
local function judge(server, lease, max_lapses)
  if lease % 1 == 0 then
    call('ZREM', SERVERS, server)
    call('ZADD', SERVERS, now + SUSPENSE + 0.5, server)
  else
    reap(server, max_lapses)
  end
end

-- Gives up the copies of a server that did not come back within its grace.
local function give_up(absent)
  local ids = call('LPOP', LOCAL .. absent, BOUND) or {}
  for _, id in ipairs(ids) do
    local record = call('HGET', DATA, id)
    if record then
      m.cancel(id, record, '{"type":"Absent","message":"its server is gone"}')
    end
  end
  if #ids < BOUND then
    call('ZREM', ABSENT, absent)
  end
end

-- Puts an occurrence into its queue; false if it is there already.
local function start(name, at, template)
  local id, stamp = name .. '#' .. at, string.format('%.0f', now)
  local record = string.sub(template, 1, 4) .. stamp .. string.sub(template, 5)
  if call('HSETNX', DATA, id, record) == 0 then
    return false
  end
  call('HSET', OCCURRENCE, name, id)
  if m.kind_of(record) == 'b' then
    fan_out(id, record)
  else
    call('RPUSH', m.list_of(record), id)
  end
  return true
end

-- A type by the clock: what to fire and when it comes next, this server works out and then calls
-- `fire`. If it dies before, the type is still due. One that catches up one by one waits for the
-- occurrence under way.
local function tell_due(name, expected, spec)
  if not (string.find(spec, '^c:all:skip:') and m.is_under_way(name)) then
    notes[#notes + 1] = table.concat({'due', name, expected, string.format('%.0f', now), spec}, ' ')
  end
end

-- Fires one due type. That it is still in the schedule at `expected` is the compare of the
-- compare-and-set: whoever comes second does not find it.
local function fire(server, name, expected)
  local spec, template = string.match(call('HGET', PERIODIC, name) or '', '^(%S+) (.*)$')
  if not spec or not m.is_defined(name) then
    call('ZREM', SCHEDULE, name)
    call('HDEL', PERIODIC, name)
    notes[#notes + 1] = 'removed ' .. name
  elseif call('SISMEMBER', TYPES .. server, name) == 0 then
    return
  elseif not m.is_defined(name .. ' ' .. spec) then
    notes[#notes + 1] = 'outdated ' .. name
  elseif not string.find(spec, '^%d+$') then
    tell_due(name, expected, spec)
  else
    call('ZREM', SCHEDULE, name)
    if not start(name, expected, template) then
      call('ZADD', SCHEDULE, now + spec, name)
    end
  end
end

-- In a paused queue, what comes due is missed.
local function fire_due(server)
  local due = call('ZRANGEBYSCORE', SCHEDULE, '-inf', now, 'WITHSCORES', 'LIMIT', 0, BOUND)
  if #due > 0 and call('EXISTS', PAUSED) == 1 then
    return
  end
  for i = 1, #due, 2 do
    fire(server, due[i], due[i + 1])
  end
end

-- Tells a server which of its tasks it shall cancel, until it has.
local function tell_orders(server)
  if call('EXISTS', ORDERS .. server) == 0 then
    return
  end
  local orders = call('HGETALL', ORDERS .. server)
  for i = 1, #orders, 2 do
    local id, token = orders[i], orders[i + 1]
    if call('HGET', PROCESSING .. server, id) == token then
      notes[#notes + 1] = 'cancel ' .. id .. ' ' .. token
    else
      call('HDEL', ORDERS .. server, id)
    end
  end
end

local function do_duties(server, max_lapses)
  local expired = call('ZRANGEBYSCORE', SERVERS, '-inf', now, 'WITHSCORES', 'LIMIT', 0, 1)
  if expired[1] then
    judge(expired[1], tonumber(expired[2]), max_lapses)
  end
  local absent = call('ZRANGEBYSCORE', ABSENT, '-inf', now, 'LIMIT', 0, 1)[1]
  if absent then
    give_up(absent)
  end
  promote()
  fire_due(server)
  tell_orders(server)
end

-- Milliseconds until something comes due by itself, -1 if nothing will.
local function until_next(is_paused)
  local soonest
  for _, set in ipairs({DELAYED, SCHEDULE, SERVERS, ABSENT, OPENINGS}) do
    local is_left = set == SCHEDULE or set == OPENINGS and is_paused
    local from = is_left and '(' .. now or '-inf'
    local found = call('ZRANGEBYSCORE', set, from, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2]
    if found and (not soonest or tonumber(found) < soonest) then
      soonest = tonumber(found)
    end
  end
  return soonest and math.max(0, math.ceil(soonest - now)) or -1
end

return {is_live = m.is_live, do_duties = do_duties, until_next = until_next, start = start}
