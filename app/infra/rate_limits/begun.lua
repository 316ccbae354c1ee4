-- Run before a script is loaded, because a Redis that lacks it may have restarted and lost what it had counted.
-- KEYS[1] names the lifetime of the data; it never expires. Whoever sees its value change knows that data may be lost.
-- It becomes the id of this run of Redis, whoever sets it. If it is deleted with all the data, rate_limit.lua sets it.
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
redis.call('DEL', KEYS[1]) -- a full Redis refuses SET to a script that has not written yet
redis.call('SET', KEYS[1], run)
return run
