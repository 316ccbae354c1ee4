-- Stores the log levels that an admin has changed, for all processes of the platform, atomically.
-- KEYS[1] the changed levels: by logger, "<level> <end in ms>"
-- ARGV[1] now in ms; then, to change one: ARGV[2] its logger, ARGV[3] its value, empty to revert it
-- Returns the levels in force: logger, value, logger, value ...
if ARGV[2] then
  if ARGV[3] == '' then
    redis.call('HDEL', KEYS[1], ARGV[2])
  else
    redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
  end
end
local found, held, last = redis.call('HGETALL', KEYS[1]), {}, 0
for place = 1, #found, 2 do
  local ends = tonumber(string.match(found[place + 1], '%d+$'))
  if ends > tonumber(ARGV[1]) then
    held[#held + 1] = found[place]
    held[#held + 1] = found[place + 1]
    last = math.max(last, ends)
  else
    redis.call('HDEL', KEYS[1], found[place])
  end
end
if last > 0 then
  redis.call('PEXPIRE', KEYS[1], last - tonumber(ARGV[1]))
end
return held
