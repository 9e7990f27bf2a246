-- One path of a list after another, each with some User-Agent and the headers of the command line: strings are made before the first
-- request, and then only joined. Arguments: the file of paths, the file of User-Agents, and where to begin.

local heads, tails = {}, {}

local threads = 0
function setup(thread)
  thread:set("thread_number", threads)
  threads = threads + 1
end

function init(args)
  local headers = ""
  for name, value in pairs(wrk.headers) do
    headers = headers .. name .. ": " .. value .. "\r\n"
  end
  for path in io.lines(args[1]) do
    heads[#heads + 1] = "GET " .. path
  end
  for agent in io.lines(args[2]) do
    tails[#tails + 1] = " HTTP/1.1\r\n" .. headers .. "User-Agent: " .. agent .. "\r\n\r\n"
  end
  local paths, agents = #heads, #tails
  -- Threads are as far apart as can be, however many they are: by the golden ratio.
  local position = tonumber(args[3]) + math.floor(thread_number * 0.618 * paths)
  math.randomseed(position)
  function request()
    position = position % paths + 1
    return heads[position] .. tails[math.random(agents)]
  end
  io.write("ready\n")
  io.flush()
end

-- The last line is for a program: see load.ts.
function done(summary)
  local errors = summary.errors
  print(string.format(
    '\n{"requests":%d,"seconds":%.6f,"refused":%d,"timedOut":%d,"failed":%d}',
    summary.requests,
    summary.duration / 1e6,
    errors.status,
    errors.timeout,
    errors.connect + errors.read + errors.write
  ))
end
