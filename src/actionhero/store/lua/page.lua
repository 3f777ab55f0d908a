-- Some tasks that are pending, local or processing. ARGV: state, cursor, how many at most.
-- Returns the next cursor (0 at the end), then of each task: ids, server ('' if none), records,
-- troubles, claim tokens, progress.
-- A cursor is how many came before: of what moves meanwhile some may be missed or shown twice.
local state, from, count = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local ids, servers, tokens = {}, {}, {}
local skip = from

local function add_list(list, server)
  local length = call('LLEN', list)
  if skip < length and #ids < count then
    for _, id in ipairs(call('LRANGE', list, skip, skip + count - #ids - 1)) do
      ids[#ids + 1], servers[#servers + 1], tokens[#tokens + 1] = id, server, ''
    end
  end
  skip = math.max(0, skip - length)
end

-- Those that wait for a turn of their type are pending too.
local function add_pending()
  for _, list in ipairs({HIGH, NORMAL, LOW}) do
    add_list(list, '')
  end
  for _, name in ipairs(call('HKEYS', LIMITS)) do
    add_list(WAITING .. name, '')
  end
end

local function add_local()
  for _, set in ipairs({SERVERS, ABSENT}) do
    for _, server in ipairs(call('ZRANGE', set, 0, -1)) do
      add_list(LOCAL .. server, server)
    end
  end
end

local function add_held()
  for _, server in ipairs(call('ZRANGE', SERVERS, 0, -1)) do
    local entries = call('HGETALL', PROCESSING .. server)
    for i = 1, #entries, 2 do
      if entries[i] ~= '' then
        skip = skip - 1
        if skip < 0 and #ids < count then
          local n = #ids + 1
          ids[n], servers[n], tokens[n] = entries[i], server, entries[i + 1]
        end
      end
    end
  end
end

if state == 'pending' then
  add_pending()
elseif state == 'local' then
  add_local()
else
  add_held()
end
if #ids == 0 then
  return {0, {}, {}, {}, {}, {}, {}}
end
local next = #ids == count and from + count or 0
return {next, ids, servers, call('HMGET', DATA, unpack(ids)), call('HMGET', ATTEMPTS, unpack(ids)),
  tokens, call('HMGET', PROGRESS, unpack(ids))}
