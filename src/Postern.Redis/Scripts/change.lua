-- Writes API keys and tells all instances. KEYS[1]: the hashes of all, by when they were made. KEYS[2]: the version. KEYS[3…]: the entries.
-- ARGV[1]: what the version must be. ARGV[2]: the channel. ARGV[3…]: for each entry its hash and its fields; an empty one is taken out.
if (redis.call('GET', KEYS[2]) or '0') ~= ARGV[1] then
  return '0'
end
local fields = {'name', 'last4', 'tier', 'scopes', 'created', 'expires', 'revoked'}
for i = 3, #KEYS do
  if redis.call('EXISTS', KEYS[i]) == 1 and redis.call('TYPE', KEYS[i]).ok ~= 'hash' then
    return '!'
  end
end
local version = redis.call('INCR', KEYS[2])
for i = 3, #KEYS do
  local at = 3 + (i - 3) * (#fields + 1)
  for f, field in ipairs(fields) do
    if ARGV[at + f] == '' then
      redis.call('HDEL', KEYS[i], field)
    else
      redis.call('HSET', KEYS[i], field, ARGV[at + f])
    end
  end
  redis.call('ZADD', KEYS[1], 'NX', version, ARGV[at])
  redis.call('PUBLISH', ARGV[2], ARGV[at])
end
return '1'
