-- One turn of a worker: settle what finished, do the duties, claim more, say when to look again.
-- ARGV: server, number of this tick, want, whether to do the duties (1), max lapses,
--       number of groups, each: token, count, ids… (done, and nothing else to do about them),
--       number of outcomes, each: what, id, token, number, text
--         d done, a member "result" or "error" to be kept · r retry after number ms, error · f failed, error · x parked, reason
--         b give back: it is to start elsewhere · c ends as cancelled · l lapsed alone, error
-- Returns: ok | lost | expired, ms until something is due, how many it holds, ids, records,
--          troubles, refused ids, notes
-- A tick is carried out once: called again with its number, it changes nothing and returns what the
-- first call claimed and refused. Its number is also the token of what it claims.
-- The way of a worker that is busy is flat, and every command in it counts.
local server, number, want = ARGV[1], ARGV[2], tonumber(ARGV[3])
local held = PROCESSING .. server
local last = call('HGET', held, '')
if not last then
  return {'lost'}
end
local before, turn = string.match(last, '^(%d+) (%d+)')
if tonumber(before) >= tonumber(number) then
  return replay()(held, last, number)
end

local refused = {}
local at = 7
for _ = 1, tonumber(ARGV[6]) do
  local token, first, final = ARGV[at], at + 2, at + 1 + tonumber(ARGV[at + 1])
  local tokens, standing = call('HMGET', held, unpack(ARGV, first, final)), {}
  for i = first, final do
    if tokens[i - first + 1] == token then
      standing[#standing + 1] = ARGV[i]
    else
      refused[#refused + 1] = ARGV[i]
    end
  end
  if #standing > 0 then
    call('HDEL', held, unpack(standing))
    call('HDEL', DATA, unpack(standing))
  end
  at = final + 1
end
if ARGV[at] ~= '0' then
  local settle = outcomes()
  for i = at + 1, at + 5 * tonumber(ARGV[at]), 5 do
    local id = ARGV[i + 1]
    if settle(server, held, ARGV[i], id, ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]) then
      refused[#refused + 1] = id
    end
  end
end

local status, wait, duty, mark, is_paused = 'ok', -1, nil, nil, false
if call('EXISTS', PAUSED, LIMITS) > 0 then
  is_paused = call('EXISTS', PAUSED) == 1
  if is_paused then
    want = 0
  else
    mark = marks()
    mark.open_due()
  end
end
if ARGV[4] == '1' then
  duty = duties()
  if duty.is_live(server) then
    duty.do_duties(server, tonumber(ARGV[5]))
  else
    status, want = 'expired', 0
  end
end

if want == 0 and ARGV[6] == '0' then
  call('HDEL', held, ' ')  -- a write that needs no memory, where no other comes first
end

-- The first field is padded to 65 bytes and more: a hash with so long a value is a real table, while
-- a short one is searched from end to end (3 times slower with 300 tasks).
-- Every fifth turn begins with the normal ones, every 25th with the low ones: nobody starves.
local ids, records = {}, {}
local lists = {LOCAL .. server, HIGH, NORMAL, LOW}
if want > 0 then
  turn = (turn + 1) % 25
  if turn == 0 then
    lists = {LOCAL .. server, LOW, HIGH, NORMAL}
  elseif turn % 5 == 0 then
    lists = {LOCAL .. server, NORMAL, HIGH, LOW}
  end
end
local claims = {'', string.format('%-72s', number .. ' ' .. turn .. ' ' .. table.concat(refused, ' '))}
local list, looked, has_more = 1, 0, false
while #ids < want and list <= 4 do
  local most, aside = want - #ids, 0
  local found = call('LPOP', lists[list], most)
  if found then
    local texts = call('HMGET', DATA, unpack(found))
    for i, id in ipairs(found) do
      local text = texts[i]
      if not text then
        notes[#notes + 1] = 'missing ' .. id
      elseif mark and not mark.admit(id, text) then
        text, aside = nil, aside + 1
      end
      if text then
        local n = #ids + 1
        ids[n], records[n] = id, text
        claims[2 * n + 1], claims[2 * n + 2] = id, number
      end
    end
    looked = looked + #found
  end
  if aside == 0 or #found < most then
    list = list + 1
  elseif looked > 500 then  -- the rest is for the next tick: each has its bounds
    has_more = true
    break
  end
end
if mark then
  mark.put_aside()
end
if is_paused or #ids < want then
  call('DEL', WAKE, WAKES .. server)
  wait = has_more and 0 or (duty or duties()).until_next(is_paused)
elseif call('EXISTS', HIGH, NORMAL, LOW) > 0 then
  wake(WAKE)
end
call('HSET', held, unpack(claims))
local troubles = {}
if #ids > 0 and call('EXISTS', ATTEMPTS) == 1 then
  troubles = call('HMGET', ATTEMPTS, unpack(ids))
end
return {status, wait, call('HLEN', held) - 1, ids, records, troubles, refused, notes}
