-- What stands here was written by anyone with access to this Redis: what is too long, or no entry at all, doesn't leave it.
local fields = {'name', 'last4', 'tier', 'scopes', 'created', 'expires', 'revoked'}
local longest = {512, 64, 512, 16384, 64, 64, 64}

-- '1' and each field behind its length in two bytes; '0' where there is no entry, '!' where it can't be read.
local function entry(key)
  for i, field in ipairs(fields) do
    local length = redis.pcall('HSTRLEN', key, field)
    if type(length) ~= 'number' or length > longest[i] then
      return '!'
    end
  end
  local values = redis.call('HMGET', key, unpack(fields))
  if not values[1] then
    return redis.call('EXISTS', key) == 0 and '0' or '!'
  end
  local parts = {'1'}
  for i = 1, #fields do
    local value = values[i] or ''
    parts[#parts + 1] = string.char(math.floor(#value / 256), #value % 256) .. value
  end
  return table.concat(parts)
end
