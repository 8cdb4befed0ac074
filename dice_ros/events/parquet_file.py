"""The table of touches as Parquet, which keeps the types of its columns."""

from __future__ import annotations

from pathlib import Path

from dice_ros.errors import AssetError, OutputError
from dice_ros.events.touch_list import TouchList
from dice_ros.events.touch_table import COLUMNS, touch_rows
from dice_ros.whole_file import whole_file

_INTEGERS = {"touch_id", "person_id"}


def write_parquet(path: Path, touches: TouchList) -> None:
    """Write the table; its columns are those of the CSV file.

    Raises:
        AssetError: the package pyarrow is not installed.
        OutputError: the file cannot be written.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415 - optional, and slow to import
        from pyarrow import parquet  # noqa: PLC0415
    except ModuleNotFoundError:
        raise AssetError(
            "the format parquet needs the package 'pyarrow', which is not installed: run "
            "`pip install pyarrow`, or take --format csv, which holds the same table"
        ) from None
    rows = touch_rows(touches)
    fields = []
    for name in COLUMNS:
        if name in _INTEGERS:
            kind = pa.int64()
        elif name.endswith(("_s", "_mm", "_mm2", "_probability")) or name == "confidence":
            kind = pa.float64()
        else:
            kind = pa.string()
        fields.append(pa.field(name, kind))
    columns = {name: [row[name] for row in rows] for name in COLUMNS}
    try:
        with whole_file(path) as file:
            parquet.write_table(pa.table(columns, schema=pa.schema(fields)), file)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
