-- Stands before every script of one room: its keys, the time, and whether there is such a room.
--
-- META      hash: epoch, offset of the last message, floor (offset of the last message that history
--           has forgotten), run (of the store), members (how many), createdAt (ms)
-- HISTORY   stream: OFFSET-TIME → m, the frame
-- SERVERS   set: those with members in the room
-- MEMBERS   ends in a colon; with a server's name a hash: id → details (JSON)
-- CHANNEL   where its frames are published: EPOCH:OFFSET:TIME:ENVELOPE
--
-- Without such a room a script returns nil. First writes need no memory where that can be, so that
-- a full store still lets members go.
local META, HISTORY, SERVERS, MEMBERS, CHANNEL = unpack(KEYS)
local call = redis.call
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local epoch, offset, floor, run = unpack(call('HMGET', META, 'epoch', 'offset', 'floor', 'run'))
if not epoch then
  return false
end
offset, floor = tonumber(offset), tonumber(floor)

local function text(number)
  return string.format('%.0f', number)
end
