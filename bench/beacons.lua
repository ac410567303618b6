-- wrk: 500 paths, 200 agents, one site. The same beacons as _beacon in bench/__main__.py.
local number = 0
request = function()
  number = number + 1
  local agent = 100 + number % 200
  return wrk.format("POST", "/api/event", {
    ["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64; rv:" .. agent .. ".0) Gecko/20100101 Firefox/" .. agent .. ".0",
  }, '{"n": "pageview", "u": "https://example.com/page/' .. number % 500 .. '", "d": "example.com", "w": 1440}')
end
