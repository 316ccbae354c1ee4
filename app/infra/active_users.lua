-- Records active users, removes those who have left the longest window, and counts the rest by window, atomically.
-- KEYS[1] users, scored by the second of their last request
-- ARGV[1] now in seconds, ARGV[2] the number of windows, then the windows in seconds, the longest last,
-- then the users
-- Returns the number of users within each window.
local now, windows = tonumber(ARGV[1]), tonumber(ARGV[2])
local longest = tonumber(ARGV[2 + windows])
for place = 3 + windows, #ARGV do
  redis.call('ZADD', KEYS[1], 'GT', now, ARGV[place])
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - longest)
redis.call('EXPIRE', KEYS[1], longest)
local counts = {}
for window = 1, windows do
  counts[window] = redis.call('ZCOUNT', KEYS[1], '(' .. (now - tonumber(ARGV[2 + window])), '+inf')
end
return counts
