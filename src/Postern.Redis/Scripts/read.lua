-- What is left of each rule. Writes nothing.
local told = {}
for i = 1, #rules do
  local rest = left(rules[i])
  told[i] = pack('<dd', rest, rest == rules[i].quota and 0 or whole(rules[i]))
end
return table.concat(told)
