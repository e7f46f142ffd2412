"""Starts the simulator, and directs Twilio's official SDK to it."""

import json
import os
import re
import subprocess
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from requests.auth import HTTPBasicAuth
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from contract import check_error

ACCOUNT_SID = "AC" + "0123456789abcdef" * 2
AUTH_TOKEN = "f0e1d2c3b4a5968778695a4b3c2d1e0f"
API_KEY_SID = "SK" + "fedcba9876543210" * 2
API_KEY_SECRET = "the-secret-of-the-api-key"
TWILIO_ORIGIN = "https://api.twilio.com"
INTELLIGENCE_ORIGIN = "https://intelligence.twilio.com"
START_SECONDS = 20
SPEED = 40


def binary():
    """Returns the simulator's path from TWILIO_SIM, or ends the test run with an error."""
    path = os.environ.get("TWILIO_SIM")
    if not path:
        raise pytest.UsageError("TWILIO_SIM is not set; set it to the path of the twilio-sim binary")
    if not os.access(path, os.X_OK):
        raise pytest.UsageError(
            f"TWILIO_SIM={path}: no such executable; build it with `cargo build -p twilio-sim`"
        )
    return Path(path).resolve()


class Simulator:
    """A running simulator."""

    def __init__(self, *options, speed=SPEED):
        arguments = [
            "--speed",
            str(speed),
            "--listen",
            "127.0.0.1:0",
            "--account-sid",
            ACCOUNT_SID,
            "--auth-token",
            AUTH_TOKEN,
            *options,
        ]
        self._process = subprocess.Popen([binary(), *arguments], stdout=subprocess.PIPE, text=True)
        self.origin = self._announced_origin()
        self.output = []
        threading.Thread(target=lambda: self.output.extend(self._process.stdout), daemon=True).start()

    def _announced_origin(self):
        timeout = threading.Timer(START_SECONDS, self._process.kill)
        timeout.start()
        for line in self._process.stdout:
            if match := re.search(r"twilio-sim listening on (http://127\.0\.0\.1:\d+)", line):
                timeout.cancel()
                return match[1]
        raise AssertionError(f"the simulator printed no address and ended with {self._process.wait()}")

    def stop(self):
        self._process.terminate()
        self._process.wait(timeout=10)

    def get(self, path, **options):
        """Sends a GET without the SDK, with the account's credentials by default."""
        options.setdefault("auth", HTTPBasicAuth(ACCOUNT_SID, AUTH_TOKEN))
        return requests.get(self.origin + path, timeout=10, **options)

    def log(self, call=None):
        """Returns the log, or its entries about one call."""
        lines = self.get("/_sim/log").text.splitlines()
        return [json.loads(line) for line in lines if call is None or call.sid in line]

    def client(self, contract=None, user=ACCOUNT_SID, password=AUTH_TOKEN, **options):
        """Returns the official client, connected to the simulator."""
        http_client = RedirectingHttpClient(self.origin, contract, **options)
        return Client(user, password, ACCOUNT_SID, http_client=http_client)


class RedirectingHttpClient(TwilioHttpClient):
    """The SDK's own HTTP client, with another origin.

    It checks each response against the contract and each error against Twilio's format, unless `broken` is set.
    """

    def __init__(self, origin, contract, broken=False, timeout=15):
        super().__init__(timeout=timeout)
        self.session.trust_env = False
        self.exchanges = []
        self._origin = origin
        self._contract = contract
        self._broken = broken

    def request(self, method, url, *positional, **named):
        # The next page of a list in the Intelligence API is an absolute URL of the simulator.
        origins = (TWILIO_ORIGIN, INTELLIGENCE_ORIGIN, self._origin)
        (twilio,) = (origin for origin in origins if url.startswith(origin + "/"))
        response = super().request(method, self._origin + url[len(twilio) :], *positional, **named)
        self.exchanges.append((method.upper(), url, response.status_code))
        if self._broken:
            return response
        if response.status_code >= 400:
            check_error(response.status_code, response.text)
        elif self._contract and twilio == TWILIO_ORIGIN:
            self._contract.check(method.upper(), urlsplit(url).path, response.status_code, response.text)
        return response
