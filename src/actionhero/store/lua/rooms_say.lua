-- A message gets its offset, is kept and published. Another run of the store may have lost the last
-- messages of the one before; it counts on from far beyond, so that no offset ever means two.
local JUMP = 1000000000

local function say(envelope, current, most, age)
  local at = offset + 1
  if current ~= run then
    at = at + JUMP
    run = current
    call('HSET', META, 'run', current)
  end
  if most > 0 then
    if call('XLEN', HISTORY) == 0 then
      call('HSET', META, 'floor', text(offset))
    end
    call('XADD', HISTORY, text(at) .. '-' .. text(now), 'm',
      epoch .. ':' .. text(at) .. ':' .. text(now) .. ':' .. envelope)
    call('PEXPIRE', HISTORY, age)
    trim(most, age)
  end
  offset = at
  call('HSET', META, 'offset', text(at))
  call('PUBLISH', CHANNEL, epoch .. ':' .. text(at) .. ':' .. text(now) .. ':' .. envelope)
end

local function announce(id, words, current, most, age)
  say('{"from":"' .. id .. '","message":"' .. words .. '"}', current, most, age)
end
