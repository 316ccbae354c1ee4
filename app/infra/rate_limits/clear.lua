-- Forgets what was counted for one caller, and leaves a note for the memories of all instances.
-- KEYS[1] the notes: the last 1000 digests that were cleared, scored by Redis' time in microseconds
-- KEYS[2...] the caller's key of each rule
-- ARGV[1] the caller's digest
-- Returns how many of the keys there were.
local clock = redis.call('TIME')
local known = redis.call('DEL', unpack(KEYS, 2))
redis.call('ZADD', KEYS[1], clock[1] * 1000000 + clock[2], ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1001)
redis.call('EXPIRE', KEYS[1], 3600)
return tostring(known)
