-- Forgets what was counted for one caller.
-- KEYS the caller's key of each rule
-- Returns how many of them there were.
return tostring(redis.call('DEL', unpack(KEYS)))
