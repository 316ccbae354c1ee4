-- Starts a session and ends the user's least recently used ones over the limit, atomically.
-- KEYS[1] the user's sessions by last use, KEYS[2] the session, KEYS[3] and KEYS[4] what the keys of sessions and of
-- their revocation marks begin with
-- ARGV[1] the session's name, ARGV[2] its token id, ARGV[3] a session's lifetime in ms, ARGV[4] a mark's lifetime in ms,
-- ARGV[5] most sessions of a user
-- Returns how many were ended.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3] * 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
local over = redis.call('ZCARD', KEYS[1]) - ARGV[5]
if over <= 0 then
  return 0
end
local oldest = redis.call('ZPOPMIN', KEYS[1], over)
for place = 1, #oldest, 2 do
  redis.call('DEL', KEYS[3] .. oldest[place])
  redis.call('SET', KEYS[4] .. oldest[place], '1', 'PX', ARGV[4])
end
return over
