-- What the first call of this tick claimed and refused, for a worker that did not get the reply.
return function(held, last, number)
  local ids, refused = {}, {}
  local latest, rest = string.match(last, '^(%d+) %d+ (.*)$')
  if latest == number then
    local entries = call('HGETALL', held)
    for i = 1, #entries, 2 do
      if entries[i + 1] == number and entries[i] ~= '' then
        ids[#ids + 1] = entries[i]
      end
    end
    for id in string.gmatch(rest, '%S+') do
      refused[#refused + 1] = id
    end
  end
  local records = #ids > 0 and call('HMGET', DATA, unpack(ids)) or {}
  local troubles = #ids > 0 and call('HMGET', ATTEMPTS, unpack(ids)) or {}
  return {'ok', 0, call('HLEN', held) - 1, ids, records, troubles, refused, notes}
end
