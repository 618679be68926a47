/**
 * The sliding window of `window.ts` once more, in Lua, for the counters that gateways share in Redis.
 *
 * One script call touches one key, so it runs on a Cluster; time is the server's, so gateways need not agree on theirs.
 * The window is one string, `FIRST SIZE GAP SIZE …`: the first time in full, the later ones as gaps. It ends two
 * periods after the last request that passed. Anything else found under the key counts as an empty window.
 *
 * @module
 */

/**
 * Arguments as rate-limiter-flexible hands them over:
 *
 * - `KEYS[1]` the counter
 * - `ARGV[1]` 1 to let a request pass; minus the `at` of a request to give it back
 * - `ARGV[2]` the period in whole seconds, unused
 * - `ARGV[3]` the quota's count
 * - `ARGV[4]` the quota's period in seconds, with fractions
 * - `ARGV[5]` the time in microseconds; tests alone set it
 *
 * @returns `{used, 'WAIT AT'}`: requests counted, or one more than the quota for a refusal; both times in microseconds,
 * in a string because Redis numbers lose their fractions and Lua's lose their digits
 */
export const windowScript = `
local count = tonumber(ARGV[3])
local period = math.floor(ARGV[4] * 1000 + 0.5) * 1000
local most = math.max(1, math.floor(count / 16))
local now = tonumber(ARGV[5])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end

local firsts, sizes, total, newest = {}, {}, 0, 0
local stored = redis.pcall('GET', KEYS[1])
if type(stored) == 'string' then
  for gap, size in string.gmatch(stored, '(%d+) (%d+)') do
    newest = newest + gap
    firsts[#firsts + 1] = newest
    sizes[#sizes + 1] = tonumber(size)
    total = total + size
  end
end

if newest - now > period then
  firsts, sizes, total = {}, {}, 0
else
  now = math.max(now, newest)
end
while firsts[1] and firsts[1] + period <= now do
  total = total - table.remove(sizes, 1)
  table.remove(firsts, 1)
end

local function remove(index)
  table.remove(firsts, index)
  table.remove(sizes, index)
end

local function joinWithEarlier(index)
  local earlier, own = sizes[index - 1], sizes[index]
  if earlier and own and earlier + own <= most then
    sizes[index - 1] = earlier + own
    remove(index)
  end
end

local function save()
  if total == 0 then
    redis.call('DEL', KEYS[1])
    return
  end
  local words, before = {}, 0
  for index, first in ipairs(firsts) do
    words[index] = string.format('%.0f %d', first - before, sizes[index])
    before = first
  end
  redis.call('SET', KEYS[1], table.concat(words, ' '), 'PX', string.format('%.0f', period / 500))
end

local function take()
  if total >= count then return count + 1 end
  local last = #sizes
  if last > 0 and sizes[last] < most then
    sizes[last] = sizes[last] + 1
  else
    firsts[last + 1] = now
    sizes[last + 1] = 1
  end
  total = total + 1
  save()
  return total
end

local function giveBack(at)
  local index = #firsts
  while index > 0 and firsts[index] > at do index = index - 1 end
  if index == 0 then return end
  total = total - 1
  sizes[index] = sizes[index] - 1
  if sizes[index] == 0 then
    remove(index)
  else
    joinWithEarlier(index + 1)
    joinWithEarlier(index)
  end
  save()
end

local used = total
local asked = tonumber(ARGV[1])
if asked > 0 then used = take() else giveBack(-asked) end
local wait = firsts[1] and firsts[1] + period - now or 0
return {used, string.format('%.0f %.0f', wait, now)}
`
