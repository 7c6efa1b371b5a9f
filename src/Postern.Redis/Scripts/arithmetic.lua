-- What Edge/RateLimiting/Counting/README.md defines. All numbers are whole and below 2^53, where Lua's are exact.
-- KEYS[1] is a hash with a field for each rule; each sliding log has a key of its own after it.
-- ARGV[1] is how much the request counts, ARGV[2] the rules: algorithm, limit, quota, window, tick, field.
local SLIDING, BUCKET, LOG, FIXED = 0, 1, 2, 3
local RULE = '<Bdddd'
local RULE_SIZE = 39
local LONGEST = 3650 * 86400000000
local SIZES = { [SLIDING] = 16, [BUCKET] = 16, [FIXED] = 12 }
local floor, pack, unpack_ = math.floor, struct.pack, struct.unpack

local cost = tonumber(ARGV[1])

local function ceil(a, b)
  return floor((a + b - 1) / b)
end

-- How many of a log's times are no longer in the window; they are its oldest.
local function expired(r)
  local found, chunk = 0, 1
  while found < r.count do
    local times = redis.call('LRANGE', r.key, found, found + chunk - 1)
    for i = 1, #times do
      if tonumber(times[i]) > r.t - r.window then
        return found + i - 1
      end
    end
    found, chunk = found + #times, chunk < 256 and chunk * 4 or chunk
  end
  return found
end

-- Brings a rule's numbers to this moment. r.a is a count, that of the window before, or what is missing; r.b that of this window.
local function look(r, kept)
  local last, algorithm, window = 0, r.algorithm, r.window
  r.a, r.b = 0, 0
  if algorithm == LOG then
    r.count = redis.call('LLEN', r.key)
    if r.count > 0 then
      last = tonumber(redis.call('LINDEX', r.key, -1))
    end
  elseif kept and #kept == SIZES[algorithm] then
    if algorithm == SLIDING then
      last, r.a, r.b = unpack_('<dI4I4', kept)
    elseif algorithm == BUCKET then
      last, r.a = unpack_('<dd', kept)
    else
      last, r.a = unpack_('<dI4', kept)
    end
  end
  -- A clock that steps back stands still until it has caught up.
  r.moment = now > last and now or last
  local t, l = r.moment, last
  if r.tick > 1 then
    t, l = floor(t / r.tick), floor(l / r.tick)
  end
  r.t = t
  if algorithm == SLIDING then
    r.start = t - t % window
    if l < r.start then
      r.a, r.b = l >= r.start - window and r.b or 0, 0
    end
    r.covered = window - (t - r.start)
  elseif algorithm == BUCKET then
    r.a = math.max(0, math.min(r.a, r.quota * window) - r.limit * (t - l))
  elseif algorithm == FIXED then
    r.start = t - t % window
    if l < r.start then
      r.a = 0
    end
  end
end

local function passes(r)
  local algorithm, window = r.algorithm, r.window
  if cost > r.quota then
    return false
  elseif algorithm == SLIDING then
    return r.a * r.covered + (r.b + cost) * window <= r.limit * window
  elseif algorithm == BUCKET then
    return r.a + cost * window <= r.quota * window
  elseif algorithm == FIXED then
    return r.a + cost <= r.limit
  end
  -- So many of the oldest must be out of the window, if any.
  local over = r.count + cost - r.quota
  return over <= 0 or tonumber(redis.call('LINDEX', r.key, over - 1)) <= r.t - window
end

local function left(r)
  local algorithm, rest = r.algorithm, 0
  if algorithm == SLIDING then
    rest = r.limit - r.b - ceil(r.a * r.covered, r.window)
  elseif algorithm == BUCKET then
    rest = floor((r.quota * r.window - r.a) / r.window)
  elseif algorithm == FIXED then
    rest = r.limit - r.a
  else
    rest = r.quota - (r.live or r.count - expired(r))
  end
  return rest > 0 and rest or 0
end

-- From now to a tick of the rule's, in microseconds.
local function till(r, tick)
  if tick > floor((now + LONGEST) / r.tick) then
    return LONGEST
  end
  return tick * r.tick - now
end

-- When the whole quota would pass, where some of it is used.
local function whole(r)
  local algorithm, window = r.algorithm, r.window
  if algorithm == SLIDING then
    return till(r, r.start + (r.b > 0 and 2 or 1) * window)
  elseif algorithm == BUCKET then
    return till(r, r.t + ceil(r.a, r.limit))
  elseif algorithm == FIXED then
    return till(r, r.start + window)
  end
  return till(r, (r.youngest or tonumber(redis.call('LINDEX', r.key, -1))) + window)
end

-- When what is refused would pass.
local function wait(r)
  local algorithm, window = r.algorithm, r.window
  if cost > r.quota then
    return window * r.tick
  elseif algorithm == SLIDING then
    local spare = r.limit - cost
    if r.b <= spare then
      return till(r, r.start + window - floor((spare - r.b) * window / r.a))
    end
    return till(r, r.start + 2 * window - floor(spare * window / r.b))
  elseif algorithm == BUCKET then
    return till(r, r.t + ceil(r.a + cost * window - r.quota * window, r.limit))
  elseif algorithm == FIXED then
    return till(r, r.start + window)
  end
  return till(r, tonumber(redis.call('LINDEX', r.key, r.count + cost - r.quota - 1)) + window)
end

-- The field under which the hash says when it has recovered.
local END = 'e'
local rules, fields, logs = {}, { END }, 1
for at = 1, #ARGV[2], RULE_SIZE do
  local algorithm, limit, quota, window, tick = unpack_(RULE, ARGV[2], at)
  -- All that it will hold, so that the table never grows.
  local r = {
    algorithm = algorithm, limit = limit, quota = quota, window = window, tick = tick,
    a = 0, b = 0, t = 0, moment = 0, start = 0, covered = 0, count = 0, key = false, field = false, at = 0,
  }
  if algorithm == LOG then
    logs = logs + 1
    r.key = KEYS[logs]
  else
    r.field = ARGV[2]:sub(at + RULE_SIZE - 6, at + RULE_SIZE - 1)
    fields[#fields + 1] = r.field
    r.at = #fields
  end
  rules[#rules + 1] = r
end
local kept = #fields > 1 and redis.call('HMGET', KEYS[1], unpack(fields)) or {}
for i = 1, #rules do
  look(rules[i], kept[rules[i].at])
end
