"""Reads a stranger's parquet within bounds: of how many rows, and of how much text, a file of its size may hold."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

MOST_ROWS = 10_000_000
FREE_ROWS, ROWS_PER_BYTE = 200_000, 10  # rows that every file may have, and those for each of its bytes
MOST_TEXT = 2**32  # bytes of all texts of a table


def read_table(content: bytes, choose: Callable[[list[str]], list[str]]) -> pa.Table:
    """Read those columns of a file's `content` that `choose` picks from all names, every page against its checksum.

    Raises:
        ValueError: it states more rows than its size or any data set explains, or more text than the memory may hold.
        Exception: of Arrow, which raises any on a damaged file.
    """
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    size = len(content)
    with ParquetFile(BytesIO(content), page_checksum_verification=True) as file:
        schema, rows = file.schema_arrow, file.metadata.num_rows
    if rows > min(MOST_ROWS, FREE_ROWS + ROWS_PER_BYTE * size):
        raise ValueError(f"it states {rows} rows in {size} bytes")
    texts = [field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)]
    # Repeated texts are kept once until their sum is known.
    with ParquetFile(BytesIO(content), page_checksum_verification=True, read_dictionary=texts) as file:
        table = file.read(choose(schema.names))
    told = sum(_count_bytes(chunk) for name in texts if name in table.column_names for chunk in table[name].chunks)
    if told > MOST_TEXT:
        raise ValueError(f"its texts would be {told / 1e9:.1f} GB, and the file has {size} bytes")
    for place, name in enumerate(table.column_names):
        if name in texts:
            table = table.set_column(place, schema.field(name), table[name].cast(schema.field(name).type))
    return table


def _count_bytes(chunk: pa.Array) -> int:
    import pyarrow as pa
    import pyarrow.compute as compute

    if not pa.types.is_dictionary(chunk.type):
        return chunk.nbytes
    lengths = compute.binary_length(chunk.dictionary)
    return compute.sum(compute.take(lengths, chunk.indices)).as_py() or 0
