-- Raises a mark that never decreases: of two updates in the wrong order, the higher one wins.
-- KEYS[1] the mark
-- ARGV[1] the new value, a whole number, ARGV[2] the mark's lifetime in ms
local known = tonumber(redis.call('GET', KEYS[1]) or '0')
redis.call('SET', KEYS[1], math.max(known, tonumber(ARGV[1])), 'PX', ARGV[2])
