-- Stands before every task script: the keys, in the order of store/keys.py, and the time.
--
-- A record is "1", band (h n l), kind, a flag, the time it was enqueued (13 digits), then JSON.
-- The flag is '-', or 64 and: 1 it is unique · 2 its type is limited · 4 its result is kept.
-- Kinds: o once on any server · a once on all: the parent · c a copy of one
--        p an occurrence on any server · b an occurrence on all: the parent · d a copy of one
-- Ids: an occurrence is TYPE#EXPECTED, a copy PARENT@SERVER, a server NAME:RANDOM.
--
-- Each script's first write must be one that needs no memory (HDEL, ZREM, LPOP, DEL): a store at
-- its maxmemory lets a script finish that has begun to write. Only enqueue is to fail then.
--
-- What stands between here and a script are its parts: functions that return functions. A part is
-- called where it is needed, since making a function costs as much as a command.
local DATA, HIGH, NORMAL, LOW, DELAYED, FAILED, ATTEMPTS, SERVERS, ABSENT, SCHEDULE, PERIODIC,
  OCCURRENCE, BROADCAST, WAKE, LOCAL, PROCESSING, WAKES, TYPES, ORDERS, RESULT, PROGRESS, ENDED,
  LIMITS, RATES, OPENINGS, BUSY, WAITING, UNIQUE, PAUSED = unpack(KEYS)
local call = redis.call
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local notes = {}

local function wake(list)
  if call('LLEN', list) == 0 then
    call('RPUSH', list, '1')
  end
end
