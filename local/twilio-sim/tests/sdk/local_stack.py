"""Runs `cargo xtask dev`, and reads the TwiML documents of its calls."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import threading
from pathlib import Path

import requests

from caller import ENDED, eventually

READY = "Ctrl-C stops everything"
START_SECONDS = 300
SPEED = 50


class LocalStack:
    """The whole service on this machine, with a database, queues and a simulator of its own. Nothing of it is kept."""

    def __init__(self, xtask, state):
        port = free_port()
        environment = {**os.environ, "XDG_STATE_HOME": str(state)}
        environment.pop("MONGO_URI", None)
        command = [xtask, "dev", "--port", str(port), "--speed", str(SPEED)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        self._wait_until_ready()
        self._url = f"http://127.0.0.1:{port}"
        variables = json.loads(Path(state, f"outdial/dev-{port}.json").read_text())
        self._key = variables["OUTDIAL_API_KEY"]
        self._twilio = variables["TWILIO_API_BASE_URL"]
        self._account = (variables["TWILIO_ACCOUNT_SID"], variables["TWILIO_AUTH_TOKEN"])
        user = {"name": "Ada Lovelace", "email": "ada@example.com", "phone_number": "+14155552671"}
        self._user = self.api("POST", "/users", user)["id"]

    def _wait_until_ready(self):
        timeout = threading.Timer(START_SECONDS, self._process.kill)
        timeout.start()
        printed = []
        for line in self._process.stdout:
            printed.append(line)
            if READY in line:
                timeout.cancel()
                threading.Thread(target=lambda: [None for _ in self._process.stdout], daemon=True).start()
                return
        raise AssertionError("xtask dev ended early:\n" + "".join(printed))

    def stop(self):
        self._process.terminate()
        self._process.wait(timeout=30)

    def api(self, method, path, body=None):
        headers = {"Authorization": f"Bearer {self._key}"}
        response = requests.request(method, self._url + path, json=body, headers=headers, timeout=30)
        assert response.ok, f"{method} {path}: {response.status_code} {response.text}"
        return response.json()

    def place(self, to, **call):
        """Places a call, and returns its id."""
        return self.api("POST", "/calls/outbound", {"user_id": self._user, "to_number": to, **call})["call_id"]

    def ended(self, call_id):
        """Waits for the end of a call, and returns it."""
        return eventually(lambda: self.api("GET", f"/calls/{call_id}"), lambda call: call["status"] in ENDED)

    def documents(self, call):
        """Returns the TwiML documents of an ended call and of its legs."""
        legs = self._twilio_list("/Calls.json", "calls", ParentCallSid=call["twilio_sid"])
        sids = [call["twilio_sid"], *(leg["sid"] for leg in legs)]
        events = [event for sid in sids for event in self._twilio_list(f"/Calls/{sid}/Events.json", "events")]
        bodies = [event["response"]["response_body"] for event in events]
        return [body for body in bodies if body and body.startswith("<?xml")]

    def live(self, call_id):
        """Waits until a call is in progress, and returns it."""
        return eventually(lambda: self.api("GET", f"/calls/{call_id}"), lambda call: call["status"] == "in-progress")

    def ended_at_twilio(self, call):
        """Waits until the simulator has ended a call. The API may be unable to report that."""
        eventually(
            lambda: self._twilio_list("/Calls.json", "calls", To=call["to_number"]),
            lambda calls: all(one["status"] in ENDED for one in calls),
        )

    def end_database(self):
        """Ends the database for good."""
        for status in Path("/proc").glob("[0-9]*/status"):
            with contextlib.suppress(OSError):
                parent = re.search(r"^PPid:\s*(\d+)$", status.read_text(), re.MULTILINE)
                command = (status.parent / "cmdline").read_text()
                if int(parent[1]) == self._process.pid and re.search("secantusd|mongod", command):
                    os.kill(int(status.parent.name), signal.SIGKILL)
                    return
        raise AssertionError("the stack has no database of its own")

    def _twilio_list(self, path, key, **filters):
        sid, _ = self._account
        url = f"{self._twilio}/2010-04-01/Accounts/{sid}{path}"
        response = requests.get(url, {"PageSize": 200, **filters}, auth=self._account, timeout=30)
        assert response.ok, f"{path}: {response.status_code} {response.text}"
        return response.json()[key]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
