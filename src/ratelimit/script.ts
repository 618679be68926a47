/**
 * The sliding window of `window.ts` once more, in Lua, for the counters that gateways share in Redis.
 *
 * Time is the server's, so gateways need not agree on theirs.
 * A window is one string, `FIRST SIZE GAP SIZE …`: the first time in full, the later ones as gaps. It ends two
 * periods after the last request that passed. Anything else found under the key counts as an empty window.
 *
 * @module
 */

/**
 * `KEYS` are counters; each of `ARGV` is what to do with the counter beside it, `WHAT COUNT PERIOD`:
 *
 * - `WHAT` 1 to let a request pass; minus the `at` of a request to give it back
 * - `COUNT`, `PERIOD` the quota, in microseconds
 * - and the time in microseconds, which tests alone set
 *
 * @returns three whole numbers for each: how many more would pass now, -1 for a refusal; `wait` and `at` of `Taken`
 */
export const windowScript = `
local clock = redis.call('TIME')
clock = clock[1] * 1000000 + clock[2]

local firsts, sizes, total, now

local function open(key, period, time)
  firsts, sizes, total, now = {}, {}, 0, time
  local newest, index = 0, 0
  local stored = redis.pcall('GET', key)
  if type(stored) == 'string' then
    for gap, size in string.gmatch(stored, '(%d+) (%d+)') do
      newest, index = newest + gap, index + 1
      firsts[index], sizes[index] = newest, tonumber(size)
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
end

local function remove(index)
  table.remove(firsts, index)
  table.remove(sizes, index)
end

local function joinWithEarlier(index, most)
  local earlier, own = sizes[index - 1], sizes[index]
  if earlier and own and earlier + own <= most then
    sizes[index - 1] = earlier + own
    remove(index)
  end
end

local function save(key, period)
  if total == 0 then
    redis.call('DEL', key)
    return
  end
  local words, before = {}, 0
  for index, first in ipairs(firsts) do
    words[index] = string.format('%.0f %d', first - before, sizes[index])
    before = first
  end
  redis.call('SET', key, table.concat(words, ' '), 'PX', string.format('%.0f', period / 500))
end

local function take(most)
  local last = #sizes
  if last > 0 and sizes[last] < most then
    sizes[last] = sizes[last] + 1
  else
    firsts[last + 1] = now
    sizes[last + 1] = 1
  end
  total = total + 1
end

local function giveBack(at, most)
  local index = #firsts
  while index > 0 and firsts[index] > at do index = index - 1 end
  if index == 0 then return false end
  total = total - 1
  sizes[index] = sizes[index] - 1
  if sizes[index] == 0 then
    remove(index)
  else
    joinWithEarlier(index + 1, most)
    joinWithEarlier(index, most)
  end
  return true
end

local function answer(key, what, count, period, time)
  open(key, period, time)
  local most = math.max(1, math.floor(count / 16))
  if what > 0 and total >= count then return -1 end
  if what > 0 then
    take(most)
    save(key, period)
  elseif giveBack(-what, most) then
    save(key, period)
  end
  return count - total
end

local answers = {}
for index, key in ipairs(KEYS) do
  local what, count, period, time = string.match(ARGV[index], '^(%S+) (%S+) (%S+) ?(%S*)$')
  period = tonumber(period)
  local left = answer(key, tonumber(what), tonumber(count), period, tonumber(time) or clock)
  local wait = firsts[1] and firsts[1] + period - now or 0
  local last = 3 * index
  answers[last - 2], answers[last - 1], answers[last] = left, wait, now
end
return answers
`
