-- Decides all rules at once: counts in each, or in none. What is told of is the rule that refuses for longest, or the one of
-- which the least is left.
local tightest, longest = nil, -1
for i = 1, #rules do
  if not passes(rules[i]) then
    local r = rules[i]
    local waits = wait(r)
    if waits > longest then
      tightest, longest = i, waits
    end
  end
end
if tightest then
  local r = rules[tightest]
  local rest = left(r)
  return pack('<BBddd', 0, tightest - 1, rest, rest == r.quota and 0 or whole(r), longest)
end

local function push(r)
  local gone = expired(r)
  if gone > 0 then
    redis.call('LTRIM', r.key, gone, -1)
  end
  local times = {}
  for i = 1, math.min(cost, 1000) do
    times[i] = r.t
  end
  for done = 0, cost - 1, 1000 do
    redis.call('RPUSH', r.key, unpack(times, 1, math.min(cost - done, 1000)))
  end
  r.live, r.youngest = r.count - gone + cost, r.t
end

local changed, ends = { END, '' }, 0
local smallest = math.huge
for i = 1, #rules do
  local r = rules[i]
  if r.algorithm == LOG then
    push(r)
    keep(r.key, floor(whole(r) / 1000) + 2)
  else
    local kept
    if r.algorithm == SLIDING then
      r.b = r.b + cost
      kept = pack('<dI4I4', r.moment, r.a, r.b)
    elseif r.algorithm == BUCKET then
      r.a = r.a + cost * r.window
      kept = pack('<dd', r.moment, r.a)
    else
      r.a = r.a + cost
      kept = pack('<dI4', r.moment, r.a)
    end
    changed[#changed + 1] = r.field
    changed[#changed + 1] = kept
    ends = math.max(ends, now + whole(r))
  end
  local rest = left(r)
  if rest < smallest then
    tightest, smallest = i, rest
  end
end
if ends > 0 then
  -- Rules that this request doesn't use may have longer to go.
  local before = kept[1] and #kept[1] == 8 and unpack_('<d', kept[1]) or 0
  changed[2] = pack('<d', math.max(ends, before))
  redis.call('HSET', KEYS[1], unpack(changed))
  if ends > before then
    keep(KEYS[1], floor((ends - now) / 1000) + 2)
  end
end
local r = rules[tightest]
return pack('<BBddd', 1, tightest - 1, smallest, smallest == r.quota and 0 or whole(r), 0)
