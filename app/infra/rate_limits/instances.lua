-- Reports an instance of the platform and returns how many have reported within 30 seconds.
-- KEYS[1] the instances, scored by Redis' time in seconds
-- ARGV[1] this instance
local now = tonumber(redis.call('TIME')[1])
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - 30)
redis.call('EXPIRE', KEYS[1], 30)
return tostring(redis.call('ZCARD', KEYS[1]))
