"""Runs a command on a pseudo-terminal of its own session.

stdin goes to the terminal, the terminal to stdout; at the end one line of JSON says on stderr how the command ended.
"""

import fcntl
import json
import os
import pty
import select
import struct
import sys
import termios

columns, rows = int(sys.argv[1]), int(sys.argv[2])
pid, master = pty.fork()
if pid == 0:
    os.execvp(sys.argv[3], sys.argv[3:])
fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
sources = [0, master]
while master in sources:
    ready, _, _ = select.select(sources, [], [])
    if 0 in ready:
        data = os.read(0, 65536)
        if data:
            os.write(master, data)
        else:
            sources.remove(0)
    if master in ready:
        try:
            data = os.read(master, 65536)
        except OSError:  # EIO: nobody has the terminal open any more
            data = b""
        if data:
            os.write(1, data)
        else:
            sources.remove(master)
_, status = os.waitpid(pid, 0)
signal = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
code = None if signal else os.WEXITSTATUS(status)
sys.stderr.write(json.dumps({"code": code, "signal": signal}) + "\n")
