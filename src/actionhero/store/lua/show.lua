-- One task. ARGV: id. Returns nothing if there is none, else: state, what goes with the state (when
-- it is due or failed, who has it, its account), record, troubles.
local id = ARGV[1]
local record = call('HGET', DATA, id)
if not record then
  return {}
end
local state, place = places().place_of(id, record)
if state == 'pending' or state == 'local' then
  place = ''
end
return {state, place, record, call('HGET', ATTEMPTS, id) or ''}
