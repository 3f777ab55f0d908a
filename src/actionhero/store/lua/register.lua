-- A server begins to work a queue (again): its lease, its periodic types, what waits for its name.
-- ARGV: server, lease in ms, whether it starts (1) or lost its lease (0),
--       how many types, each: name, its limits or '' (see tasks_marks.lua),
--       then each periodic type: name, spec, record to fire
-- A spec is the interval in ms, or c:CATCH_UP:OVERLAP:ZONE:CRON for one by the clock.
-- Returns 1.
local m = moves()
local server, lease, is_start = ARGV[1], tonumber(ARGV[2]), ARGV[3] == '1'

-- Of several versions, the one that started last says how a type runs. One that lost its lease is
-- no news: it plans what nobody does, or what a version planned that is gone.
local function may_plan(name, before)
  return is_start or not before
    or before ~= 'stopped' and not m.is_defined(name .. ' ' .. before)
end

-- A type is planned if it is not planned yet or differently. By an interval, it counts from now, or
-- from the end of the occurrence under way. By the clock, its first time after now is worked out
-- by a server: a time below zero says from when on.
local function plan(name, spec, is_changed)
  local is_planned = call('ZSCORE', SCHEDULE, name)
  if string.find(spec, '^c:') then
    if is_changed or not is_planned then
      call('ZADD', SCHEDULE, -now, name)
    end
  elseif m.is_under_way(name) then
    call('ZREM', SCHEDULE, name)
  elseif is_changed or not is_planned then
    call('ZADD', SCHEDULE, now + spec, name)
  end
end

local function seed(name, spec, template)
  local value = call('HGET', PERIODIC, name)
  local before = value and string.match(value, '^%S+')
  call('SADD', TYPES .. server, name, name .. ' ' .. spec)
  if may_plan(name, before) then
    if value ~= spec .. ' ' .. template then
      call('HSET', PERIODIC, name, spec .. ' ' .. template)
    end
    plan(name, spec, before ~= spec)
  end
end

call('DEL', TYPES .. server)
call('HSETNX', PROCESSING .. server, '', string.format('%-72s', '0 0 '))
call('ZADD', SERVERS, now + lease, server)
local periodic = 5 + 2 * tonumber(ARGV[4])
for i = 5, periodic - 1, 2 do
  if is_start or call('HEXISTS', LIMITS, ARGV[i]) == 0 then
    marks().set_limit(ARGV[i], ARGV[i + 1])
  end
end
for i = periodic, #ARGV, 3 do
  seed(ARGV[i], ARGV[i + 1], ARGV[i + 2])
end
local name = string.match(server, '^(.*):')
for _, absent in ipairs(call('ZRANGE', ABSENT, 0, -1)) do
  if string.match(absent, '^(.*):') == name then
    call('ZREM', ABSENT, absent)
    if absent ~= server then
      m.leave_local(absent)
    end
  end
end
return 1
