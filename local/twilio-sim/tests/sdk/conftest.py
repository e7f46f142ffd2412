"""Fixtures: all tests share a simulator and a webhook receiver; each has its own mailbox and phone number."""

import itertools
import os
import random

import pytest

from contract import Contract
from receiver import Receiver
from simulator import API_KEY_SECRET, API_KEY_SID, AUTH_TOKEN, Simulator, binary
from caller import FROM, OTHER_FROM, Caller

CONTRACT = pytest.StashKey()


def pytest_configure(config):
    binary()
    path = os.environ.get("TWILIO_OPENAPI")
    if path and not os.path.isfile(path):
        raise pytest.UsageError(f"TWILIO_OPENAPI={path}: no such file")
    config.stash[CONTRACT] = Contract(path) if path else None


def pytest_terminal_summary(terminalreporter, config):
    contract = config.stash[CONTRACT]
    if contract is None:
        terminalreporter.write_line(
            "NOT CHECKED: REST responses against Twilio's OpenAPI document (TWILIO_OPENAPI is not set)", yellow=True
        )
    else:
        terminalreporter.write_line(
            f"{contract.responses_checked} REST responses of {len(contract.operations_seen)} operations"
            " match Twilio's OpenAPI document"
        )


@pytest.fixture(scope="session")
def contract(pytestconfig):
    return pytestconfig.stash[CONTRACT]


@pytest.fixture(scope="session")
def receiver():
    receiver = Receiver(AUTH_TOKEN)
    yield receiver
    receiver.close()


@pytest.fixture(scope="session")
def launch():
    """Starts simulators with other options, and stops them at the end."""
    started = []

    def launch(*options, **settings):
        started.append(Simulator(*options, **settings))
        return started[-1]

    yield launch
    for simulator in started:
        simulator.stop()


@pytest.fixture(scope="session")
def simulator(launch):
    return launch("--api-key", f"{API_KEY_SID}:{API_KEY_SECRET}", "--number", FROM, "--number", OTHER_FROM)


@pytest.fixture
def client(simulator, contract):
    return simulator.client(contract)


@pytest.fixture
def mailbox(receiver):
    """The mailbox of this test. At the end, all its webhooks must have valid signatures. Audio is fetched without one."""
    mailbox = receiver.mailbox()
    yield mailbox
    webhooks = [webhook for webhook in mailbox.webhooks() if not webhook.url.endswith(".wav")]
    invalid = [str(webhook) for webhook in webhooks if not webhook.signature_valid]
    assert not invalid, f"signatures that the official validator refuses: {invalid}"


@pytest.fixture
def caller(client, mailbox, simulator):
    return Caller(client, mailbox, simulator)


_subscribers = itertools.count(random.randrange(1000, 9000))


@pytest.fixture
def number():
    """A phone number that no other test calls. A person answers."""
    return f"+1646555{next(_subscribers):04d}"
