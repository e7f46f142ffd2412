"""One simulator and one webhook receiver for all tests; a mailbox and phone numbers for each."""

import itertools
import os
import random

import pytest

from contract import Contract
from receiver import Receiver
from simulator import API_KEY_SECRET, API_KEY_SID, AUTH_TOKEN, Simulator, binary
from stage import Stage

CONTRACT = pytest.StashKey()


def pytest_configure(config):
    binary()
    path = os.environ.get("TWILIO_OPENAPI")
    if path and not os.path.isfile(path):
        raise pytest.UsageError(f"TWILIO_OPENAPI={path}: there is no such file")
    config.stash[CONTRACT] = Contract(path) if path else None


def pytest_terminal_summary(terminalreporter, config):
    contract = config.stash[CONTRACT]
    if contract is None:
        terminalreporter.write_line(
            "NOT CHECKED: REST answers against Twilio's OpenAPI file (TWILIO_OPENAPI is not set)", yellow=True
        )
    else:
        terminalreporter.write_line(
            f"{contract.answers_checked} REST answers of {len(contract.operations_seen)} operations"
            " fit Twilio's OpenAPI file"
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
    """Starts simulators with options of their own, and stops them at the end."""
    started = []

    def launch(*options, **settings):
        started.append(Simulator(*options, **settings))
        return started[-1]

    yield launch
    for simulator in started:
        simulator.stop()


@pytest.fixture(scope="session")
def simulator(launch):
    return launch("--api-key", f"{API_KEY_SID}:{API_KEY_SECRET}")


@pytest.fixture
def client(simulator, contract):
    return simulator.client(contract)


@pytest.fixture
def mailbox(receiver):
    """This test's part of the receiver; whatever reached it must have been signed by Twilio's rules."""
    mailbox = receiver.mailbox()
    yield mailbox
    forged = [str(letter) for letter in mailbox.letters() if not letter.genuine]
    assert not forged, f"the official validator refuses: {forged}"


@pytest.fixture
def stage(client, mailbox, simulator):
    return Stage(client, mailbox, simulator)


_subscribers = itertools.count(random.randrange(1000, 9000))


@pytest.fixture
def number():
    """A phone number that no other test calls; a person answers it."""
    return f"+1646555{next(_subscribers):04d}"
