-- The load that wrk makes, steered by the environment:
--   LOAD_TOKENS    a file with a token per line, used in turn
--   LOAD_ONCE      "1": each token is used once, then the run ends
--   LOAD_BODY      a file with the body; makes it a POST
--   LOAD_PATHS     a file with a path per line, used in turn
--   LOAD_PAUSE_MS  mean pause of a connection between an answer and its next request
-- Requests are formatted once, before the run. Ends with one line `RESULT {json}`.

local requests = {}
local position = 0
local once = os.getenv("LOAD_ONCE") == "1"
local pause_ms = tonumber(os.getenv("LOAD_PAUSE_MS") or "")

local function lines_of(path)
   local lines = {}
   for line in io.lines(path) do
      lines[#lines + 1] = line
   end
   return lines
end

function init()
   local tokens, paths = os.getenv("LOAD_TOKENS"), os.getenv("LOAD_PATHS")
   local body = os.getenv("LOAD_BODY")
   if body then
      wrk.method = "POST"
      wrk.body = assert(io.open(body, "rb")):read("*a")
      wrk.headers["Content-Type"] = "application/json"
   end
   tokens = tokens and lines_of(tokens) or { false }
   paths = paths and lines_of(paths) or { wrk.path }
   for i = 1, math.max(#tokens, #paths) do
      local token = tokens[(i - 1) % #tokens + 1]
      wrk.headers["Authorization"] = token and ("Bearer " .. token) or nil
      requests[i] = wrk.format(wrk.method, paths[(i - 1) % #paths + 1])
   end
end

function request()
   position = position + 1
   if position > #requests then
      if once then
         wrk.thread:stop()
      end
      position = 1
   end
   return requests[position]
end

if pause_ms then
   math.randomseed(1)
   function delay()
      return math.random(0, 2 * pause_ms)
   end
end

function done(summary, latency)
   local e = summary.errors
   io.write(string.format(
      'RESULT {"requests":%d,"seconds":%.6f,"p50_us":%d,"p99_us":%d,"errors":' ..
      '{"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}}\n',
      summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
      e.connect, e.read, e.write, e.status, e.timeout))
end
