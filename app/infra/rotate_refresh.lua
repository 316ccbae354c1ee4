-- Exchanges the current refresh token of a session for the next one, atomically.
-- KEYS[1] the session, KEYS[2] its revocation mark, KEYS[3] the user's sessions by last use
-- ARGV[1] presented token id, ARGV[2] next token id, ARGV[3] session's lifetime in ms, ARGV[4] mark's lifetime in ms,
-- ARGV[5] the session's name
-- Returns 'rotated'; 'ended' if there is no such session; 'reused' if the token is not the current one:
-- then somebody else holds a copy, and the session ends for both.
local current = redis.call('GET', KEYS[1])
if not current then
  return 'ended'
end
if current ~= ARGV[1] then
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[3], ARGV[5])
  redis.call('SET', KEYS[2], '1', 'PX', ARGV[4])
  return 'reused'
end
local time = redis.call('TIME')
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('ZADD', KEYS[3], time[1] * 1000000 + time[2], ARGV[5])
redis.call('PEXPIRE', KEYS[3], ARGV[3])
return 'rotated'
