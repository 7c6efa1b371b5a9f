-- Forgets what was counted.
return tostring(redis.call('DEL', unpack(KEYS)))
