"""Rebuilds TwiML documents with the SDK's VoiceResponse."""

import inspect
import json
import os
import re
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

from twilio.twiml.voice_response import VoiceResponse

NODE_PROGRAM = Path(__file__).parent.parent / "node" / "rebuild.mjs"
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
# Names that are reserved words of Python.
RESERVED = {"break", "from", "for"}


def canonical(document):
    return ET.canonicalize(document)


def with_python(document):
    """Rebuilds a document. Every element and attribute must be a method and a parameter of the SDK."""
    root = ET.fromstring(document)
    assert root.tag == "Response" and not root.attrib
    response = VoiceResponse()
    fill(response, root)
    return str(response)


def fill(parent, element):
    for child in element:
        method = getattr(parent, python_name(child.tag), None)
        assert method, f"the SDK has no <{child.tag}> in <{element.tag}>"
        parameters = inspect.signature(method).parameters
        arguments = {python_name(name): value for name, value in child.attrib.items()}
        unknown = sorted(arguments.keys() - parameters.keys())
        assert not unknown, f"the SDK's <{child.tag}> has no {unknown}"
        if child.text:
            text_parameter = next(iter(parameters))
            assert text_parameter not in arguments
            arguments[text_parameter] = child.text
        fill(method(**arguments), child)
        if child.tail:
            parent.nest(child.tail)


def python_name(name):
    if name == XML_LANG:
        return "xml_lang"
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower().replace("-", "_")
    return f"{name}_" if name in RESERVED else name


def with_node(documents):
    """Rebuilds documents with the SDK for Node."""
    trees = json.dumps([tree(ET.fromstring(document)) for document in documents])
    run = subprocess.run(["node", NODE_PROGRAM], input=trees, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def tree(element):
    content = [element.text] if element.text else []
    for child in element:
        content.append(tree(child))
        if child.tail:
            content.append(child.tail)
    attributes = {"xml:lang" if name == XML_LANG else name: value for name, value in element.attrib.items()}
    return {"name": element.tag, "attributes": attributes, "content": content}


def has_node():
    return bool(os.environ.get("TWILIO_SIM_PACKAGES"))
