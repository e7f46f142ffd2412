#!/usr/bin/env python3
"""Puts the user, the call and the recording that the events speak of into a database, as they were before the events.

    target/venv/bin/python events/seed.py [MONGO_URI]

Needs pymongo, which `cargo xtask` installs there; the database's name, and its URI where none is given, are env.json's.
"""

import json
import sys
from pathlib import Path

from bson import json_util
from pymongo import MongoClient

EVENTS = Path(__file__).resolve().parent


def main(uri=None):
    environment = json.loads((EVENTS / "env.json").read_text())["OutboundCalls"]
    client = MongoClient(uri or environment["MONGO_URI"], serverSelectionTimeoutMS=5000)
    database = client[environment["MONGO_DB"]]
    for collection, documents in json_util.loads((EVENTS / "seed.json").read_text()).items():
        for document in documents:
            database[collection].replace_one({"_id": document["_id"]}, document, upsert=True)
            print(f"{database.name}.{collection}: {document['_id']}")


if __name__ == "__main__":
    main(*sys.argv[1:])
