-- Sends one kind of request, and prints one line: requests, microseconds, median, p99, errors.
-- Arguments: METHOD [BODY]
function init(args)
   wrk.method = args[1]
   if args[2] then
      wrk.body = args[2]
      wrk.headers["Content-Type"] = "application/json"
   end
end

function done(summary, latency, requests)
   local errors = summary.errors
   io.write(string.format("measured %d %d %d %d %d\n",
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
      errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
