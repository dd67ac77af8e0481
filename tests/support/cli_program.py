"""`headrace` as a user starts it: a process of its own, with what it says."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

# A shell's background job ignores SIGINT, and so would everything that it starts.
START = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from headrace_cli.main import app
app()
"""
PATIENCE = 120  # seconds: for a machine that has a lot else to do


class Program:
    """`headrace` as a user starts it, and what it has said so far."""

    def __init__(self, *args, cwd, **environ):
        environ = {**os.environ, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1", **environ}
        self.began = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-c", START, *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=cwd,
            env=environ,
        )
        self.stdout, self.stderr = [], []
        self.answered = None
        self._readers = [
            threading.Thread(target=self._read, args=(self._process.stdout, self.stdout)),
            threading.Thread(target=self._read, args=(self._process.stderr, self.stderr)),
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, stream, lines):
        for line in stream:
            lines.append(line)
            if lines is self.stdout and self.answered is None:
                self.answered = time.monotonic() - self.began
        stream.close()

    def until(self, condition, seconds=PATIENCE):
        """Wait until what was said satisfies a condition; fail with what was said."""
        deadline = time.monotonic() + seconds
        while not condition(self.out, self.err):
            assert time.monotonic() < deadline, self.out + self.err
            assert self._process.poll() is None, self.out + self.err
            threading.Event().wait(0.02)

    def end(self, seconds=PATIENCE):
        code = self._process.wait(seconds)
        for reader in self._readers:
            reader.join()
        return code

    def signal(self, number):
        self._process.send_signal(number)
        return self.end()

    def kill(self):
        if self._process.poll() is None:
            self._process.kill()
        self.end()

    @property
    def out(self):
        return "".join(self.stdout)

    @property
    def err(self):
        return "".join(self.stderr)
