"""Answers the questions of a program through a terminal: init.py ANSWERS PROGRAM ARGUMENT...

ANSWERS is JSON: pairs of what the program asks and what is typed then. Prints what the terminal showed, and ends as the program did.
"""
import json, os, pty, select, sys, time

answers, command = json.loads(sys.argv[1]), sys.argv[2:]
child, terminal = pty.fork()
if child == 0:
    os.execv(command[0], command)
shown, seen = b"", 0

def read(wait):
    """Reads what is there; whether there can be more."""
    global shown
    if not select.select([terminal], [], [], wait)[0]:
        return True
    try:
        more = os.read(terminal, 1 << 16)
    except OSError:  # the other side is closed
        more = b""
    shown += more
    return bool(more)

for question, answer in answers:
    end = time.monotonic() + 60
    while (at := shown.find(question.encode(), seen)) < 0:
        if time.monotonic() > end or not read(0.2):
            sys.exit(f"`{question}` was not asked:\n{shown.decode(errors='replace')}")
    seen = at + len(question)
    time.sleep(0.1)  # until the terminal is set to take keys
    for key in answer if isinstance(answer, list) else [answer]:
        os.write(terminal, key.encode())
        time.sleep(0.05)
while read(60):
    pass
sys.stdout.write(shown.decode(errors="replace"))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
