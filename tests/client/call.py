"""Imports every module of the generated client, and places a recorded call with the client only."""

import importlib
import os
import pkgutil
import time
import uuid

import httpx
import outdial_client
from outdial_client import AuthenticatedClient
from outdial_client.api.calls import create_outbound_call, get_call, list_calls
from outdial_client.api.recordings import list_call_recordings
from outdial_client.api.users import create_user, list_user_calls, list_users
from outdial_client.models import CallStatus, OutboundCallRequest, Problem, RecordingStatus, UserCreate

PATIENCE = 60
NUMBER = "+14155552671"


def main():
    modules = [module.name for module in pkgutil.walk_packages(outdial_client.__path__, "outdial_client.")]
    for module in modules:
        importlib.import_module(module)
    client = AuthenticatedClient(os.environ["OUTDIAL_URL"], os.environ["OUTDIAL_API_KEY"], timeout=httpx.Timeout(30))

    email = f"{uuid.uuid4()}@example.com"
    user = create_user.sync(client=client, body=new_user(email, time_zone="America/New_York"))
    assert user.time_zone == "America/New_York", user
    refused = create_user.sync(client=client, body=new_user(email))
    assert isinstance(refused, Problem) and refused.code == "email_taken", refused

    request = OutboundCallRequest(user_id=user.id, to_number=NUMBER, script="Hello!", recording_enabled=True)
    key = str(uuid.uuid4())
    placed = create_outbound_call.sync_detailed(client=client, body=request, idempotency_key=key)
    repeated = create_outbound_call.sync_detailed(client=client, body=request, idempotency_key=key)
    assert (placed.status_code, repeated.status_code) == (201, 201), (placed, repeated)
    call_id = placed.parsed.call_id
    assert repeated.parsed.call_id == call_id, "one key dials once"

    call = wait_for(lambda: get_call.sync(call_id, client=client), lambda call: call.status == CallStatus.COMPLETED)
    assert [event.status for event in call.events][-1] == CallStatus.COMPLETED, call
    recordings = wait_for(
        lambda: list_call_recordings.sync(call_id, client=client).recordings,
        lambda found: any(one.status == RecordingStatus.COMPLETED for one in found),
    )
    calls = list_user_calls.sync(user.id, client=client)
    assert [one.call_id for one in calls.calls] == [call_id], calls
    to_number = list_calls.sync(client=client, to_number=NUMBER, user_id=user.id)
    assert [one.call_id for one in to_number.calls] == [call_id], to_number
    owners = list_users.sync(client=client, phone_number=NUMBER)
    assert [one.id for one in owners.users] == [user.id], owners

    # By default, the generated client follows no redirects.
    http = client.get_httpx_client()
    audio = http.get(f"/recordings/{recordings[0].id}/media", follow_redirects=True)
    assert audio.status_code == 200 and audio.content.startswith(b"RIFF"), audio
    print(f"{len(modules)} modules; a call of {call.duration_seconds} s, {len(audio.content)} bytes of audio")


def new_user(email, **more):
    return UserCreate(name="Ada Lovelace", email=email, phone_number=NUMBER, **more)


def wait_for(ask, is_there):
    deadline = time.monotonic() + PATIENCE
    while not is_there(found := ask()):
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    return found


main()
