-- Settles what is more than "done, and nothing else to do about it". Returns refused for a token
-- that does not stand.
local m = moves()
-- Asked once, for all: most ticks meet none of these, and each would cost every task a command.
local is_watched = call('EXISTS', ORDERS .. ARGV[1], PROGRESS) > 0
local has_troubles = call('EXISTS', ATTEMPTS) == 1

return function(server, held, what, id, token, amount, text)
  if call('HGET', held, id) ~= token then
    return 'refused'
  end
  call('HDEL', held, id)
  local record = call('HGET', DATA, id)
  if is_watched and m.take_from(server, id) and (what == 'r' or what == 'b' or what == 'l') then
    what = 'c'
    notes[#notes + 1] = 'cancelled ' .. id
  end
  if not record then
    return
  end
  if what == 'd' then
    call('HDEL', DATA, id)
    if has_troubles then
      call('HDEL', ATTEMPTS, id)
    end
    m.keep(id, record, 'completed', text)
    m.conclude(id, record, m.DONE)
  elseif what == 'r' then
    m.wait_for_retry(id, record, now + amount)
    m.count_trouble(id, 1, 0, text, server)
  elseif what == 'b' then
    m.put_back(id, record, server)
  elseif what == 'l' then
    if m.count_trouble(id, 0, 1, text, server) < tonumber(ARGV[5]) then
      m.take_back({id}, {[id] = record}, server)
    else
      notes[#notes + 1] = 'crashed ' .. id
      m.bury(id, record)
    end
  elseif what == 'c' then
    m.cancel(id, record, text)
  else
    m.count_trouble(id, what == 'f' and 1 or 0, 0, text, server)
    m.bury(id, record)
  end
end
