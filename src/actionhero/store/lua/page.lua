-- Some tasks of one state. ARGV: state, cursor, how many at most.
-- Returns the next cursor (0 at the end), ids, what goes with the state for each, records, troubles.
-- A cursor is how many came before: of what moves meanwhile some may be missed or shown twice.
local state, from, count = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local ids, places = {}, {}

local function add_scored(found)
  for i = 1, #found, 2 do
    ids[#ids + 1], places[#places + 1] = found[i], found[i + 1]
  end
end

local function add_lists(lists)
  local skip = from
  for _, list in ipairs(lists) do
    local length = call('LLEN', list)
    if skip < length and #ids < count then
      for _, id in ipairs(call('LRANGE', list, skip, skip + count - #ids - 1)) do
        ids[#ids + 1], places[#places + 1] = id, ''
      end
    end
    skip = math.max(0, skip - length)
  end
end

local function add_held()
  local skip = from
  for _, server in ipairs(call('ZRANGE', SERVERS, 0, -1)) do
    for _, id in ipairs(call('HKEYS', PROCESSING .. server)) do
      if id ~= '' then
        skip = skip - 1
        if skip < 0 and #ids < count then
          ids[#ids + 1], places[#places + 1] = id, server
        end
      end
    end
  end
end

local function local_lists()
  local lists = {}
  for _, set in ipairs({SERVERS, ABSENT}) do
    for _, server in ipairs(call('ZRANGE', set, 0, -1)) do
      lists[#lists + 1] = LOCAL .. server
    end
  end
  return lists
end

if state == 'failed' then
  add_scored(call('ZREVRANGE', FAILED, from, from + count - 1, 'WITHSCORES'))
elseif state == 'delayed' then
  add_scored(call('ZRANGE', DELAYED, from, from + count - 1, 'WITHSCORES'))
elseif state == 'pending' then
  add_lists({HIGH, NORMAL, LOW})
elseif state == 'local' then
  add_lists(local_lists())
else
  add_held()
end
if #ids == 0 then
  return {0, {}, {}, {}, {}}
end
local next = #ids == count and from + count or 0
return {next, ids, places, call('HMGET', DATA, unpack(ids)), call('HMGET', ATTEMPTS, unpack(ids))}
