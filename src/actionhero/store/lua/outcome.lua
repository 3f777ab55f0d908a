-- What came of a task. ARGV: id.
-- Returns kept and the JSON that is kept; failed and its last error; waiting; or unknown.
local id = ARGV[1]
local kept = call('GET', RESULT .. id)
if kept then
  return {'kept', kept}
end
if call('HEXISTS', DATA, id) == 0 then
  return {'unknown', ''}
end
if call('ZSCORE', FAILED, id) then
  return {'failed', string.match(call('HGET', ATTEMPTS, id) or '', '^%d+ %d+ (.*)$') or ''}
end
return {'waiting', ''}
