"""Answers as JSON documents, one a line, in the spelling that protos have in JSON."""

import sys

from google.protobuf import json_format
from google.protobuf.message import Message


def put(message: Message) -> None:
    """Writes one document to standard output.

    Everything that is not ASCII is escaped, so a document is safe on any terminal.
    """
    sys.stdout.write(
        json_format.MessageToJson(
            message,
            indent=None,
            ensure_ascii=True,
            always_print_fields_with_no_presence=True,
        )
        + "\n"
    )
    sys.stdout.flush()
