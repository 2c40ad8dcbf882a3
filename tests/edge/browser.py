"""A headless Chromium for tests, driven by its DevTools protocol over a pipe: no driver and no WebSocket is needed.

with Browser(folder) as browser:
    browser.open("http://127.0.0.1:8000/")
    browser.evaluate("document.title")
"""

import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import time

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
]
START = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
SECONDS = 120


def find():
    """The path of a Chromium; None where there is none."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Browser:
    """A browser with one page.

    Args:
        profile: an empty folder for its profile.

    Attributes:
        events: what the page has told so far, `(method, params)` of the protocol.
    """

    def __init__(self, profile):
        self.events, self._number, self._rest = [], 0, b""
        theirs_in, self._write = os.pipe()
        self._read, theirs_out = os.pipe()
        # The browser reads from 3 and writes to 4; copies above both, so that none is overwritten.
        above = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (theirs_in, theirs_out)]
        start = [sys.executable, "-c", START, *map(str, above), find(), *FLAGS, f"--user-data-dir={profile}"]
        self._process = subprocess.Popen(start, pass_fds=above, stderr=subprocess.DEVNULL)
        for end in (theirs_in, theirs_out, *above):
            os.close(end)
        self._session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log", "DOM"):
            self.call(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._session = None
        self.call("Browser.close")
        self._process.wait(30)
        os.close(self._write)
        os.close(self._read)

    def call(self, method, **params):
        """Calls a method of the protocol; gives its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        content = json.dumps(message).encode() + b"\0"
        while content:
            content = content[os.write(self._write, content) :]
        while True:
            found = self._next()
            if found.get("id") == self._number:
                if "error" in found:
                    raise RuntimeError(f"{method}: {found['error']}")
                return found["result"]

    def _next(self):
        end = time.monotonic() + SECONDS
        while b"\0" not in self._rest:
            if not select.select([self._read], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError(f"The browser said nothing for {SECONDS} seconds.")
            part = os.read(self._read, 1 << 20)
            if not part:
                raise RuntimeError("The browser ended.")
            self._rest += part
        line, _, self._rest = self._rest.partition(b"\0")
        found = json.loads(line)
        if "method" in found:
            self.events.append((found["method"], found["params"]))
        return found

    def open(self, address):
        """Loads a page, with what it names."""
        seen = len(self.events)
        self.call("Page.navigate", url=address)
        while all(method != "Page.loadEventFired" for method, _ in self.events[seen:]):
            self._next()

    def evaluate(self, expression):
        """The value of a JavaScript expression, or of the promise that it is."""
        found = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in found:
            details = found["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description", details["text"]))
        return found["result"].get("value")

    def choose_file(self, selector, path):
        """Chooses a file in the page's field for one."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(path)])

    def set_offline(self, offline):
        """Takes the page's network away, or gives it back."""
        self.call(
            "Network.emulateNetworkConditions", offline=offline, latency=0, downloadThroughput=-1, uploadThroughput=-1
        )

    def requests(self):
        """The addresses of all that the page has asked for."""
        return [params["request"]["url"] for method, params in self.events if method == "Network.requestWillBeSent"]

    def complaints(self):
        """The errors that the page has logged, violations of its policy among them."""
        logged = [params["entry"]["text"] for method, params in self.events
                  if method == "Log.entryAdded" and params["entry"]["level"] == "error"]  # fmt: skip
        thrown = [params["exceptionDetails"]["text"] for method, params in self.events
                  if method == "Runtime.exceptionThrown"]  # fmt: skip
        return logged + thrown
