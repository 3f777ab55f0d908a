-- A room and all of it goes, and who listens is told.
for _, server in ipairs(call('SMEMBERS', SERVERS)) do
  call('UNLINK', MEMBERS .. server)
end
call('UNLINK', META, HISTORY, SERVERS)
call('PUBLISH', CHANNEL,
  epoch .. ':' .. text(offset + 1) .. ':' .. text(now) .. ':{"kind":"destroyed"}')
return 1
