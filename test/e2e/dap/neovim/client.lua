-- A debug client in Neovim's own Lua, at the port of `sandmesh dap --port`: what a plugin's transport does.
-- Arguments: port, source file, line. Prints what a person would see, one line each.

local port, file, line = tonumber(arg_port), arg_file, tonumber(arg_line)
local socket, seq, buffer = vim.loop.new_tcp(), 0, ''
local answers, events, connected = {}, {}, nil

local function receive(chunk)
  buffer = buffer .. chunk
  while true do
    local head, length = buffer:match('^(Content%-Length: (%d+)\r\n\r\n)')
    if head == nil or #buffer < #head + tonumber(length) then return end
    local message = vim.json.decode(buffer:sub(#head + 1, #head + tonumber(length)))
    buffer = buffer:sub(#head + tonumber(length) + 1)
    if message.type == 'response' then answers[message.request_seq] = message
    elseif message.type == 'event' then table.insert(events, message) end
  end
end

local function await(what, probe)
  local found
  local ok = vim.wait(20000, function() found = probe() return found ~= nil end, 5)
  if not ok then error('waited in vain for ' .. what) end
  return found
end

local function send(command, arguments)
  seq = seq + 1
  local body = vim.json.encode({ seq = seq, type = 'request', command = command, arguments = arguments or vim.empty_dict() })
  socket:write('Content-Length: ' .. #body .. '\r\n\r\n' .. body)
  return seq
end

local function answer(request)
  local response = await('the answer to ' .. request, function() return answers[request] end)
  if not response.success then error(response.command .. ': ' .. response.message) end
  return response.body
end

local function ask(command, arguments) return answer(send(command, arguments)) end

local function event(name)
  return await('the event ' .. name, function()
    for at, one in ipairs(events) do
      if one.event == name then return table.remove(events, at) end
    end
  end)
end

local function top()
  local frame = ask('stackTrace', { threadId = 1 }).stackFrames[1]
  print(string.format('%s at %s:%d', frame.name, vim.fn.fnamemodify(frame.source.path, ':t'), frame.line))
  return frame
end

socket:connect('127.0.0.1', port, function(failure) connected = failure or 'yes' end)
assert(await('the connection', function() return connected end) == 'yes', connected)
socket:read_start(function(failure, chunk) if failure == nil and chunk ~= nil then receive(chunk) end end)
print('can wait: ' .. tostring(ask('initialize', { adapterID = 'sandmesh', clientID = 'neovim' }).supportsConfigurationDoneRequest))
local attached = send('attach', { target = 'orders' })
event('initialized')
local set = ask('setBreakpoints', { source = { path = file }, breakpoints = { { line = line } } })
print('verified: ' .. tostring(set.breakpoints[1].verified))
ask('configurationDone')
answer(attached)
print('stopped: ' .. event('stopped').body.reason)
local frame = top()
print('n is ' .. ask('evaluate', { expression = 'n', frameId = frame.id, context = 'repl' }).result)
ask('next', { threadId = 1 })
print('stopped: ' .. event('stopped').body.reason)
top()
ask('setBreakpoints', { source = { path = file }, breakpoints = {} })
ask('continue', { threadId = 1 })
ask('disconnect')
socket:close()
print('done')
