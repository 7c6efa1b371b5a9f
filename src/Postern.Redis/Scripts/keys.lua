-- Some API keys, in the order made. KEYS[1]: their hashes, by when they were made. KEYS[2]: the version. ARGV[1], ARGV[2]: the first and the
-- last place. ARGV[3]: what stands before a hash in the name of its entry, all of which are in the slot of KEYS.
local hashes = redis.call('ZRANGE', KEYS[1], ARGV[1], ARGV[2])
local version = redis.call('GET', KEYS[2]) or '0'
local parts = {version .. ' ' .. #hashes .. '\n'}
for _, hash in ipairs(hashes) do
  if #hash == 64 then
    parts[#parts + 1] = hash .. entry(ARGV[3] .. hash)
  end
end
return table.concat(parts)
