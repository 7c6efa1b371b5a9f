-- Notes until when this instance is believed to live, and says how many are. KEYS[1]: all of them. ARGV[1]: this one. ARGV[2]: for how
-- many microseconds; 0 takes it out.
if ARGV[2] == '0' then
  redis.call('ZREM', KEYS[1], ARGV[1])
else
  redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
if last[2] then
  keep(KEYS[1], math.floor((last[2] - now) / 1000) + 2)
end
return tostring(redis.call('ZCARD', KEYS[1]))
