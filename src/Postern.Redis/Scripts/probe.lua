-- Writes, so that a Redis that only reads, or has no memory left, is told from one that counts.
redis.call('SET', KEYS[1], '1', 'PX', 1000)
return 'good'
