-- Reports an instance of the platform. The first write frees memory, so that a full Redis lets the script go on.
-- KEYS[1] the instances, scored by Redis' time in seconds
-- KEYS[2] what admins have cleared: clear.lua
-- ARGV[1] this instance
-- ARGV[2] the time of its last report, as it was returned; 0 if there was none
-- Returns one text: how many instances have reported within 30 seconds; Redis' time in microseconds; the digests that
-- were cleared since the last report.
local clock = redis.call('TIME')
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', clock[1] - 30)
redis.call('ZADD', KEYS[1], clock[1], ARGV[1])
redis.call('EXPIRE', KEYS[1], 30)
local answer = redis.call('ZRANGEBYSCORE', KEYS[2], ARGV[2], '+inf')
table.insert(answer, 1, redis.call('ZCARD', KEYS[1]))
table.insert(answer, 2, string.format('%.0f', clock[1] * 1000000 + clock[2]))
return table.concat(answer, ' ')
