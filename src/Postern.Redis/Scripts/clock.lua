-- The time is Redis's own, in microseconds, so that all instances have the same.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local function keep(key, milliseconds)
  redis.call('PEXPIRE', key, milliseconds)
end
