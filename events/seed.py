#!/usr/bin/env python3
"""Stores the user, the call and the recording of the sample events in a database, as they are before the events.

    target/venv/bin/python events/seed.py mongodb://127.0.0.1:27017/?directConnection=true

Needs pymongo, which `cargo xtask` installs under target/venv. env.json has the name of the database.
"""

import json
import sys
from pathlib import Path

from bson import json_util
from pymongo import MongoClient

EVENTS = Path(__file__).resolve().parent


def main(uri):
    environment = json.loads((EVENTS / "env.json").read_text())["OutboundCalls"]
    database = MongoClient(uri, serverSelectionTimeoutMS=5000)[environment["MONGO_DB"]]
    for collection, documents in json_util.loads((EVENTS / "seed.json").read_text()).items():
        for document in documents:
            database[collection].replace_one({"_id": document["_id"]}, document, upsert=True)
            print(f"{database.name}.{collection}: {document['_id']}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
