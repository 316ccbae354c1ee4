-- Decides on one request by all rules that apply to it, atomically: checks every window, then counts the request
-- in all of them or in none. Windows slide exactly: in no span of a window's length are more than its limit admitted.
-- KEYS[1] names the lifetime of the data: begun.lua
-- KEYS[1 + i] what rule i counted for one caller: a sorted set of unique members, scored by Redis' time in microseconds
-- ARGV[1] a text that is unique to this request; empty: only look
-- ARGV[2...] for each rule: cost, 1 if it only measures, number of windows; for each window, the longest last: its
-- length in microseconds, its limit
-- Returns one text, because one text is read faster than a list: 1 if admitted, else 0; the value of KEYS[1]; then for
-- each window whole numbers: what remains, the microseconds until its oldest request leaves, at most the window's
-- length, and until the request would fit (0: it fits)
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]

local function moment(key, rank)
  return tonumber(redis.call('ZRANGE', key, rank, rank, 'WITHSCORES')[2])
end

-- After Redis' clock has moved back, requests counted in the future would block their caller until then.
local function bring_to_now(key)
  if moment(key, -1) <= now then return end
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', key, string.format('(%.0f', now), '+inf')) do
    redis.call('ZADD', key, now, member)
  end
end

local asks = ARGV[1] ~= ''
local admitted, place, windows, rules = true, 2, {}, {}
for number = 1, #KEYS - 1 do
  local key = KEYS[number + 1]
  local rule = {key = key, cost = tonumber(ARGV[place]), fits = true, windows = {}}
  local last = place + 1 + 2 * tonumber(ARGV[place + 2])
  rule.longest = tonumber(ARGV[last])
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now - rule.longest)
  for at = place + 3, last, 2 do
    local length = tonumber(ARGV[at])
    local used
    if at == last then
      used = redis.call('ZCARD', key)
    else
      used = redis.call('ZCOUNT', key, string.format('(%.0f', now - length), '+inf')
    end
    local remains = tonumber(ARGV[at + 1]) - used
    if asks and remains < rule.cost then rule.fits = false end
    windows[#windows + 1] = {rule = rule, used = used, remains = remains, length = length, resets = 0, wait = 0}
    rule.windows[#rule.windows + 1] = windows[#windows]
  end
  if not rule.fits then
    bring_to_now(key)
    if ARGV[place + 1] ~= '1' then admitted = false end
  end
  for _, window in ipairs(rule.windows) do
    local lacks = rule.cost - window.remains
    if window.used > 0 then
      window.resets = math.min(moment(key, -window.used) + window.length - now, window.length)
    end
    if asks and lacks > 0 then window.wait = moment(key, lacks - window.used - 1) + window.length - now end
  end
  rules[number] = rule
  place = last + 2
end

-- Only after the first write: a full Redis refuses this one to a script that has not written yet.
local begun = redis.call('GET', KEYS[1])
if not begun then
  begun = string.format('%.0f', now)
  redis.call('SET', KEYS[1], begun)
end

if admitted and asks then
  for _, rule in ipairs(rules) do
    if rule.fits then
      for hit = 1, rule.cost do
        redis.call('ZADD', rule.key, now, hit == 1 and ARGV[1] or ARGV[1] .. ':' .. hit)
      end
      redis.call('PEXPIRE', rule.key, math.ceil(rule.longest / 1000))
    end
  end
end

local answer = {admitted and 1 or 0, begun}
for _, window in ipairs(windows) do
  if admitted and window.rule.fits and asks then
    window.remains = window.remains - window.rule.cost
    if window.resets == 0 then window.resets = window.length end
  end
  answer[#answer + 1] = string.format('%.0f %.0f %.0f', math.max(window.remains, 0), window.resets, window.wait)
end
return table.concat(answer, ' ')
