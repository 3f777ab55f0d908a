-- What the flag of a record asks for: that its type keeps limits, that it is unique.
--
-- Limits: `limits` has how many of a type may run at once (0: any number), ms that each start costs
-- (0: no rate), starts in a row. Those that may run are in `busy:` until they end, wait for a retry or
-- lapse: below 0, in their order, while they are next in their queue; at 1 once a server has them.
-- Those whose turn came too early are in `waiting:`, in their order. When the first of them may run,
-- it becomes next: because another one ended, or because its time came, which `openings` has then.
-- A rate is the generic cell rate algorithm, as in rate_limit.lua: `rates` has when the next one may
-- start. A claim is what counts as a start; it is set aside for those that are next, so never more of
-- them gather than may start in a row.
-- A limit that is taken away is 0 0 1 until nothing waits for it any more.
local BANDS = {h = HIGH, n = NORMAL, l = LOW}
local BOUND = 100
local NONE = '0 0 1'
local BIT_UNIQUE, BIT_LIMITED = 1, 2

local function list_of(record)
  return BANDS[string.sub(record, 2, 2)] or NORMAL
end

local function flag_of(record)
  local flag = string.byte(record, 4)
  return flag == 45 and 0 or flag - 64
end

local function is_limited(record)
  return bit.band(flag_of(record), BIT_LIMITED) ~= 0
end

local function name_of(record)
  return string.match(record, '^{"name":"([^"]*)"', 18)
end

local function key_of(record)
  if bit.band(flag_of(record), BIT_UNIQUE) ~= 0 then
    return string.match(record, '^{"name":"[^"]*","unique":"([^"]*)"', 18)
  end
end

local function limit_of(name)
  local spec = call('HGET', LIMITS, name)
  if spec then
    local most, cost, burst = string.match(spec, '^(%S+) (%S+) (%S+)$')
    return {most = tonumber(most), cost = tonumber(cost), burst = tonumber(burst), spec = spec}
  end
end

-- What is not used for long is forgotten, but for what may start in a row.
local function paid_until(name, limit)
  local earliest = now - (limit.burst - 1) * limit.cost
  return math.max(earliest, tonumber(call('HGET', RATES, name) or earliest))
end

-- When the next one may start: now, or later; nil if that is when another one ends.
local function opening_of(name, limit)
  if limit.most > 0 and call('ZCARD', BUSY .. name) >= limit.most then
    return nil
  end
  if limit.cost == 0 then
    return now
  end
  local before_it = call('ZCOUNT', BUSY .. name, '-inf', 0)
  return math.max(now, paid_until(name, limit) + before_it * limit.cost)
end

-- One is next in its queue, behind those of its type that are so already.
local function put_next(name, id, list)
  local found = call('ZREVRANGEBYSCORE', BUSY .. name, 0, '-inf', 'WITHSCORES', 'LIMIT', 0, 1)
  local last, score = found[1], found[2]
  call('ZADD', BUSY .. name, last and math.min(score + 1, -1) or -1000000, id)
  if not last or call('LINSERT', list, 'AFTER', last, id) <= 0 then
    call('LPUSH', list, id)
  end
end

-- One starts.
local function start(name, limit, id)
  call('ZADD', BUSY .. name, 1, id)
  if limit.cost > 0 then
    local opening = paid_until(name, limit) + limit.cost
    call('HSET', RATES, name, string.format('%.3f', opening))
  end
end

local function forget_limit(name)
  call('HDEL', LIMITS, name)
  call('HDEL', RATES, name)
  call('DEL', BUSY .. name)
end

-- Notes when the first of those that wait may run.
local function plan(name, limit)
  local opening = opening_of(name, limit)
  if call('EXISTS', WAITING .. name) == 0 then
    call('ZREM', OPENINGS, name)
    if limit.spec == NONE then
      forget_limit(name)
    end
  elseif opening then
    call('ZADD', OPENINGS, math.ceil(opening), name)
  else
    call('ZREM', OPENINGS, name)
  end
end

-- Brings those that may run now to the head of their queue, a bounded number of them.
local function advance(name)
  local limit = limit_of(name)
  if not limit then
    call('ZREM', OPENINGS, name)
    return
  end
  local moved = 0
  while moved < BOUND and opening_of(name, limit) == now do
    local id = call('LPOP', WAITING .. name)
    if not id then
      break
    end
    local record = call('HGET', DATA, id)
    if record then
      put_next(name, id, list_of(record))
      moved = moved + 1
    else
      notes[#notes + 1] = 'missing ' .. id
    end
  end
  if moved > 0 then
    wake(WAKE)
  end
  plan(name, limit)
end

local function open_due()
  for _, name in ipairs(call('ZRANGEBYSCORE', OPENINGS, '-inf', now, 'LIMIT', 0, 10)) do
    advance(name)
  end
end

-- One that ran does so no more; the next one may.
local function release(id, record)
  local name = name_of(record)
  if name and call('ZREM', BUSY .. name, id) == 1 then
    advance(name)
  end
end

-- One that lapsed starts again when its type lets it, before the others that wait, once `advance` is
-- called for what is returned: the name of its type, if that has limits.
local function wait_again(id, record)
  local name = is_limited(record) and name_of(record)
  if name then
    call('ZREM', BUSY .. name, id)
  end
  if name and call('HEXISTS', LIMITS, name) == 1 then
    call('LPUSH', WAITING .. name, id)
    return name
  end
end

-- Whether a task whose turn came may run. The others are gathered, for `put_aside`.
local aside, limits = {}, {}

local function admit(id, record)
  local name = is_limited(record) and name_of(record)
  if not name then
    return true
  end
  limits[name] = limits[name] or limit_of(name)
  local limit, standing = limits[name], call('ZSCORE', BUSY .. name, id)
  if not limit or standing == '1' then
    return true
  end
  if standing or not aside[name] and opening_of(name, limit) == now
    and call('EXISTS', WAITING .. name) == 0 then
    start(name, limit, id)
    return true
  end
  aside[name] = aside[name] or {}
  table.insert(aside[name], id)
  return false
end

local function put_aside()
  for name, ids in pairs(aside) do
    call('RPUSH', WAITING .. name, unpack(ids))
    plan(name, limits[name])
  end
end

-- A type has this limit from now on, or none ('').
local function set_limit(name, spec)
  local before = call('HGET', LIMITS, name) or ''
  if before == spec or (before == NONE and spec == '') then
    return
  end
  call('HDEL', RATES, name)
  call('HSET', LIMITS, name, spec == '' and NONE or spec)
  plan(name, limit_of(name))
end

-- A task has come to its end.
local function leave(id, record)
  local key = key_of(record)
  if key and call('HGET', UNIQUE, key) == id then
    call('HDEL', UNIQUE, key)
  end
  if is_limited(record) then
    release(id, record)
  end
end

-- The task that stands for a key, if it is there.
local function standing_of(key)
  local id = call('HGET', UNIQUE, key)
  local record = id and call('HGET', DATA, id)
  if record then
    return id, record
  end
end

-- Whether another task stands for what makes this one unique.
local function has_successor(id, record)
  local key = key_of(record)
  local other = key and standing_of(key)
  return other and other ~= id
end

-- From now on this one stands.
local function stand(id, record)
  local key = key_of(record)
  if key then
    call('HSET', UNIQUE, key, id)
  end
end

return {
  list_of = list_of, flag_of = flag_of, is_limited = is_limited, name_of = name_of, release = release,
  advance = advance, wait_again = wait_again, admit = admit, put_aside = put_aside, open_due = open_due,
  set_limit = set_limit, leave = leave, standing_of = standing_of, has_successor = has_successor, stand = stand,
}
