-- Adds tasks. A task whose id exists already is left as it is; so is one that has completed, while
-- its result is kept.
-- ARGV: how many high, normal and low ones are ready now, how many are for later, how many are
--       unique, how many tasks there may be at all (0: any number);
--       for each of the three bands: ids…, records…;
--       for later: ids…, records…, then each "in" or "at", milliseconds
--       unique: each id, record, "in", "at" or "now", milliseconds, key, drop | replace | debounce
-- Returns the ids that existed already, those that found no room, and of each unique one the id
-- that stands for its key ('' if there was no room).
-- The way of tasks that are ready is flat. Where there are only those, and nothing is kept of them,
-- the script is given no more keys than up to WAKE.
local existing, refused, standing = {}, {}, {}
local room = math.huge
if ARGV[6] ~= '0' then
  room = ARGV[6] - call('HLEN', DATA) + call('ZCARD', FAILED)
end
local stamp = string.format('%.0f', now)
local way

local at = 7
for group, list in ipairs({HIGH, NORMAL, LOW, DELAYED}) do
  local count = tonumber(ARGV[group])
  if count > 0 then
    local middle = at + count
    local found = call('HMGET', DATA, unpack(ARGV, at, middle - 1))
    local fresh, pairs, n = {}, {}, 0
    for i = 1, count do
      local id, record = ARGV[at + i - 1], ARGV[middle + i - 1]
      if string.byte(record, 4) ~= 45 then
        way = way or arrivals()
      end
      if found[i] or way and way.has_completed(id, record) then
        existing[#existing + 1] = id
      elseif n >= room then
        refused[#refused + 1] = id
      else
        n = n + 1
        fresh[n], pairs[2 * n - 1] = id, id
        pairs[2 * n] = string.sub(record, 1, 4) .. stamp .. string.sub(record, 5)
      end
    end
    at = middle + count
    if n > 0 then
      room = room - n
      if call('HSET', DATA, unpack(pairs)) < n then
        way = way or arrivals()
        fresh = way.each_once(fresh, existing)
      end
      if group < 4 then
        call('RPUSH', list, unpack(fresh))
        wake(WAKE)
      else
        way = way or arrivals()
        way.delay_all(fresh, middle - count, count)
      end
    end
    if group == 4 then
      at = at + 2 * count
    end
  end
end
if ARGV[5] ~= '0' then
  way = way or arrivals()
  local add_unique = way.uniques(existing, refused, room, stamp)
  for i = at, #ARGV, 6 do
    standing[#standing + 1] = add_unique(unpack(ARGV, i, i + 5))
  end
end
return {existing, refused, standing}
