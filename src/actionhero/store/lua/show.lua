-- One task. ARGV: id. Returns nothing if there is none, else: state, what goes with the state (when
-- it is due or failed, whose it is, its account), record, troubles, claim token, progress.
-- Of a task that ended and whose result is kept: kept, '', and what is kept in place of the record.
local id = ARGV[1]
local record = call('HGET', DATA, id)
if not record then
  local kept = call('GET', RESULT .. id)
  return kept and {'kept', '', kept, '', '', ''} or {}
end
local state, place = places().place_of(id, record)
local token = ''
if state == 'pending' then
  place = ''
elseif state == 'local' then
  place = string.sub(place, #LOCAL + 1)
elseif state == 'processing' then
  token = call('HGET', PROCESSING .. place, id)
end
return {state, place, record, call('HGET', ATTEMPTS, id) or '', token,
  call('HGET', PROGRESS, id) or ''}
