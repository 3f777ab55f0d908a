-- A server begins to work a queue (again): its lease, its periodic types, what waits for its name.
-- ARGV: server, lease in ms, then each periodic type: name, every in ms, record to fire
-- Returns 1.
local m = moves()
local server, lease = ARGV[1], tonumber(ARGV[2])

-- A type is planned if it is not planned yet and no occurrence is under way. A changed interval
-- counts from now.
local function seed(name, every, template)
  local spec, before = every .. ' ' .. template, call('HGET', PERIODIC, name)
  local planned, current = call('ZSCORE', SCHEDULE, name), call('HGET', OCCURRENCE, name)
  call('SADD', TYPES .. server, name)
  if before ~= spec then
    call('HSET', PERIODIC, name, spec)
  end
  if planned then
    if before and string.match(before, '^%d+') ~= every then
      call('ZADD', SCHEDULE, now + every, name)
    end
  elseif not (current and call('HEXISTS', DATA, current) == 1) then
    call('ZADD', SCHEDULE, now + every, name)
  end
end

call('DEL', TYPES .. server)
call('HSETNX', PROCESSING .. server, '', string.format('%-72s', '0 '))
call('ZADD', SERVERS, now + lease, server)
for i = 3, #ARGV, 3 do
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
