-- A message is said. ARGV: run of the store, history: at most, ms; the envelope (JSON)
-- Returns the epoch, its offset, and the time.
say(ARGV[4], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]))
return {epoch, text(offset), text(now)}
