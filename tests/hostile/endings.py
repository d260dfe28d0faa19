"""Plugins that hang, end or fork their process, as a table for the commands without a screen."""

from __future__ import annotations

from tests.hostile.kinds import Kind

WAITS = "threading.Event().wait()"
HANGS = "has not returned from"

ENDINGS: dict[str, Kind] = {
    # ------------------------------------------------ never returns
    "strategy-hangs": Kind("strategy", WAITS, HANGS),
    "pick-spins": Kind("pick", "while True: pass", HANGS),
    "schedule-hangs": Kind("schedule", WAITS, HANGS),
    "metric-hangs": Kind("metric", WAITS, HANGS),
    "train-hangs": Kind("tokenizer", f"def train(self, documents): {WAITS}", HANGS),
    "decode-hangs": Kind("tokenizer", f"def decode(self, ids): {WAITS}", HANGS),
    "documents-hang": Kind("dataset", f"def documents(self):\n    yield 'a'\n    {WAITS}", HANGS),
    "str-hangs": Kind(
        "strategy",
        f"raise type('X', (Exception,), {{'__str__': lambda self: {WAITS}}})('x')",
        HANGS,
    ),
    "del-hangs": Kind(
        "schedule", f"type('X', (), {{'__del__': lambda self: {WAITS}}})(); return 1.0", HANGS
    ),
    "import-hangs": Kind("strategy", f"@{WAITS}\n", HANGS),
    "reads-stdin": Kind("schedule", "sys.stdin.read(); time.sleep(99); return 1.0", HANGS),
    "lesson-hangs": Kind("lesson", WAITS, "and was ended"),
    "lesson-spins": Kind("lesson", "while True: pass", "and was ended"),
    "outlet-hangs": Kind("writer", f"def outlet(self): {WAITS}", "and was ended"),
    "write-spins": Kind(
        "writer", "def write(self, prompt, tell):\n    while True: pass", "and was ended"
    ),
    # ------------------------------------------------ ends the process
    "lesson-os-exit": Kind("lesson", "os._exit(0)", "it ended the process"),
    "lesson-segfaults": Kind("lesson", "ctypes.string_at(0)", "it ended the process"),
    "write-os-exit": Kind(
        "writer", "def write(self, prompt, tell): os._exit(0)", "it ended the process"
    ),
    "strategy-os-exit": Kind("strategy", "os._exit(0)", "ended by itself, with exit code 0, while"),
    "schedule-os-exit": Kind("schedule", "os._exit(0)", "ended by itself, with exit code 0, while"),
    "metric-os-exit": Kind("metric", "os._exit(0)", "ended by itself, with exit code 0, while"),
    "train-os-exit": Kind("tokenizer", "def train(self, documents): os._exit(0)", "with exit code"),
    "data-os-exit": Kind("dataset", "def count(self): os._exit(0)", "with exit code 0, while"),
    "import-os-exit": Kind("strategy", "@os._exit(0)\n", "with exit code 0, while"),
    "thread-os-exit": Kind(
        "schedule",
        "threading.Thread(target=os._exit, args=(0,)).start(); time.sleep(9); return 1.0",
        "with exit code 0",
    ),
    "segfaults": Kind("schedule", "ctypes.string_at(0)", "SIGSEGV"),
    "aborts": Kind("schedule", "os.abort()", "SIGABRT"),
    "alarms": Kind("schedule", "signal.alarm(1); time.sleep(3); return 1.0", "SIGALRM"),
    "kills": Kind("schedule", "os.kill(os.getpid(), 9)", "SIGKILL"),
    "interrupts": Kind("schedule", "os.kill(os.getpid(), 15); time.sleep(3)", "SIGTERM"),
    # ------------------------------------------------ what a writer gives
    "evil-outlet": Kind(
        "writer", "def outlet(self): return Outlet(T('https://x'), (T('x'),))", "Found: SystemExit"
    ),
    "evil-outlets": Kind(
        "writer", "def outlet(self): return evil(Outlet)('https://x', ('x',))", "Found: SystemExit"
    ),
    "evil-continuation": Kind(
        "writer",
        "def write(self, prompt, tell): return Continuation(T('x'), dollars=F(1.0))",
        "Found: SystemExit",
    ),
    "evil-refusal": Kind(
        "writer",
        "def write(self, prompt, tell): raise evil(WriterError)(T('x'), T('y'))",
        "Found: SystemExit",
    ),
    # ------------------------------------------------ at the end
    "at-exit-zero": Kind("schedule", "atexit.register(os._exit, 0); raise ValueError('x')", "x"),
    "at-exit-hangs": Kind("schedule", "atexit.register(time.sleep, 99); return 1.0"),
    "at-exit-raises": Kind("schedule", "atexit.register(die); return 1.0"),
    "thread-stays": Kind(
        "schedule", "threading.Thread(target=threading.Event().wait).start(); return 1.0"
    ),
    "thread-exits": Kind("schedule", "threading.Thread(target=die).start(); return 1.0"),
    "thread-raises": Kind(
        "schedule",
        "t = threading.Thread(target=lambda: 1 / 0); t.start(); t.join(); return 1.0",
    ),
    "del-exits": Kind("schedule", "type('X', (), {'__del__': die})(); return 1.0"),
    "del-raises": Kind("schedule", "type('X', (), {'__del__': lambda s: 1 / 0})(); return 1.0"),
    # ------------------------------------------------ forks
    "fork-stays": Kind("schedule", "if not os.fork(): time.sleep(99)\nreturn 1.0"),
    "fork-goes-on": Kind("schedule", "os.fork(); return 1.0"),
    "fork-prints": Kind("schedule", "if not os.fork(): sys.stdout.flush()\nreturn 1.0"),
    "fork-raises": Kind("schedule", "if not os.fork(): raise ValueError\nreturn 1.0"),
    "starts-a-program": Kind(
        "schedule", "import subprocess\nsubprocess.Popen(['sleep', '99'])\nreturn 1.0"
    ),
    # ------------------------------------------------ the streams
    "closes-stdout": Kind("schedule", "sys.stdout.close(); return 1.0"),
    "no-streams": Kind("schedule", "sys.stdout = sys.stderr = sys.stdin = None; return 1.0"),
    "closes-descriptor": Kind("schedule", "os.close(1); return 1.0", "standard output"),
    "null-descriptor": Kind(
        "schedule", "os.dup2(os.open(os.devnull, 1), 1); return 1.0", "standard output"
    ),
    "prints": Kind("schedule", "print('', end=''); return 1.0"),
}  # fmt: skip
"""What each does to the command, and what is said; "" if the command does all of its work."""

FEW = (
    "strategy-hangs", "str-hangs", "schedule-os-exit", "segfaults", "at-exit-zero", "fork-goes-on",
    "fork-stays", "no-streams", "lesson-os-exit", "write-os-exit", "evil-outlet",
)  # fmt: skip
"""Those that the suite tries; tools/hostile.py tries all."""
