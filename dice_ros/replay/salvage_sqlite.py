"""Reading a damaged or cut SQLite bag: row by row, as far as pages can be read."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from dice_ros.replay.recording import Report, StoredMessage, StoredTopic, Wire

_MISSES_MAX = 1000
"""Rows in a row that cannot be read before the rest is given up."""


def salvage_sqlite(path: Path, report: Report) -> Iterator[StoredMessage]:
    """Messages of every row that can be read, in the order they were written."""
    try:
        # Not immutable=1: a recorder that was killed leaves a log with messages beside the file.
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    except sqlite3.Error as error:
        report(f"{path.name}: {error}")
        return
    with closing(connection):
        try:
            # Otherwise SQLite refuses a file that is shorter than its first page says.
            connection.execute("PRAGMA writable_schema = ON")
            topics = _topics(connection)
        except sqlite3.Error as error:
            report(f"{path.name}: {error}")
            return
        yield from _rows(connection, topics, path=path, report=report)


def _topics(connection: sqlite3.Connection) -> dict[int, StoredTopic]:
    columns = {row[1] for row in connection.execute("PRAGMA table_info(topics)")}
    qos = "offered_qos_profiles" if "offered_qos_profiles" in columns else "''"
    rows = connection.execute(f"SELECT id, name, type, serialization_format, {qos} FROM topics")
    found = [row for row in rows if row[3] == "cdr"]
    definitions: dict[str, tuple[str, str]] = {}
    try:
        for name, encoding, text in connection.execute(
            "SELECT topic_type, encoding, encoded_message_definition FROM message_definitions"
        ):
            definitions[name] = (text, encoding)
    except sqlite3.Error:
        pass  # Bags before Iron have no such table.
    return {
        row[0]: StoredTopic(row[1], row[2], Wire.CDR, *definitions.get(row[2], ("", "")), row[4])
        for row in found
    }


def _rows(
    connection: sqlite3.Connection, topics: dict[int, StoredTopic], *, path: Path, report: Report
) -> Iterator[StoredMessage]:
    """Row after row by its number: a scan would end at the first page that cannot be read."""
    lost = misses = number = 0
    last, is_known = _last_row(connection)
    query = "SELECT topic_id, timestamp, data FROM messages WHERE id = ?"
    while number < last and misses < _MISSES_MAX:
        number += 1
        try:
            row = connection.execute(query, (number,)).fetchone()
        except sqlite3.Error:
            lost, misses = lost + 1, misses + 1
            continue
        if row is None:
            misses += 1
            continue
        misses = 0
        if row[0] in topics:
            yield StoredMessage(topics[row[0]], int(row[1]), bytes(row[2]))
    if lost:
        text = f"{lost} of {last} rows" if is_known else "the rows at the end"
        report(f"{path.name}: {text} cannot be read")


def _last_row(connection: sqlite3.Connection) -> tuple[int, bool]:
    """Highest row number; if its page is lost, a number that no bag reaches, and False."""
    try:
        return int(connection.execute("SELECT max(id) FROM messages").fetchone()[0] or 0), True
    except sqlite3.Error:
        return sys.maxsize, False
