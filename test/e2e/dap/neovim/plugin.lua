-- The same with nvim-dap, configured as README.md says. Arguments: command line of sandmesh, source file, line.

local dap = require('dap')
dap.adapters.sandmesh = { type = 'executable', command = 'sandmesh', args = { 'dap' } }
dap.configurations.javascript = { { type = 'sandmesh', request = 'attach', name = 'orders' } }

local stopped, set = 0, 0
dap.listeners.after.setBreakpoints['test'] = function() set = set + 1 end
dap.listeners.after.event_stopped['test'] = function(_, body)
  stopped = stopped + 1
  print('stopped: ' .. body.reason)
end

local function await(what, probe)
  if not vim.wait(20000, probe, 5) then error('waited in vain for ' .. what) end
end

local function top(count)
  await('stop ' .. count, function() return stopped >= count and dap.session().current_frame ~= nil end)
  local frame = dap.session().current_frame
  print(string.format('%s at %s:%d', frame.name, vim.fn.fnamemodify(frame.source.path, ':t'), frame.line))
end

vim.cmd('edit ' .. arg_file)
vim.bo.filetype = 'javascript'
vim.api.nvim_win_set_cursor(0, { tonumber(arg_line), 0 })
dap.set_breakpoint()
dap.continue()
top(1)
local value
dap.session():evaluate('n', function(failure, response) value = failure and vim.inspect(failure) or response.result end)
await('n', function() return value ~= nil end)
print('n is ' .. value)
dap.session().current_frame = nil
dap.step_over()
top(2)
local before = set
dap.clear_breakpoints()
await('the breakpoint to be gone', function() return set > before end)
dap.session().current_frame = nil
dap.continue()
dap.disconnect()
await('the end', function() return dap.session() == nil end)
print('done')
