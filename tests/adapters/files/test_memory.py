"""Memory stays flat however large a file is: large files are read in a process of their own, whose peak is measured."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.files import tables
from tests.adapters.files.reading import EXAMPLES, csv_text

# Twice as large as what is held in memory, which would take 100 MB; read as it should be, it takes 60 at most.
LARGE_BYTES = 20_000_000
FLAT_MEGABYTES = 80
# The peak since this program was started; `getrusage` would tell that of the process which started it, where that is larger.
READER = """
import sys
from pathlib import Path
from adapters.files import read_file

facts = rejected = lines = 0
for row in read_file(Path(sys.argv[1]), sys.argv[2], "acme"):
    facts, rejected, lines = facts + (row.telling is not None), rejected + (row.rejected is not None), lines + len(row.line_numbers)
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(facts, rejected, lines, int(peak.split()[1]) // 1024)
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process is read from /proc"),
]


def read_large(path: Path, kind: str, ceiling: int = FLAT_MEGABYTES) -> tuple[int, int, int]:
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", READER, str(path), kind], cwd=root, capture_output=True, text=True, check=True)
    facts, rejected, lines, peak = map(int, done.stdout.split())
    assert peak < ceiling, f"{peak} MB at its peak"
    return facts, rejected, lines


def write(path: Path, kind: str, row_of: Callable[[int], dict[str, object]], size: int) -> int:
    """A CSV file of about this size; gives the number of its rows."""
    heading = csv_text([{**EXAMPLES[kind], **row_of(0)}]).splitlines()[0]
    names = heading.split(",")
    rows = 0
    with path.open("w") as stream:
        stream.write(heading + "\n")
        while stream.tell() < size:
            batch = ({**EXAMPLES[kind], **row_of(number)} for number in range(rows, rows + 5000))
            stream.writelines(",".join(str(row[name]) for name in names) + "\n" for row in batch)
            rows += 5000
    return rows


def test_a_large_file_of_returns_whose_lines_stand_far_apart(tmp_path: Path) -> None:
    half = 100_000
    rows = write(
        tmp_path / "returns.csv",
        "returns",
        lambda n: {"return": f"R{n % half}", "line": n // half, "reason": "too small for me " * 3},
        LARGE_BYTES,
    )
    facts, rejected, lines = read_large(tmp_path / "returns.csv", "returns")
    assert (facts, rejected, lines) == (min(rows, half), 0, rows)


def test_a_large_file_that_is_all_one_return(tmp_path: Path) -> None:
    rows = write(tmp_path / "returns.csv", "returns", lambda n: {"line": n, "reason": "x" * 300}, LARGE_BYTES)
    assert read_large(tmp_path / "returns.csv", "returns") == (0, rows, rows)


def test_a_large_file_of_refunds(tmp_path: Path) -> None:
    rows = write(tmp_path / "refunds.csv", "refunds", lambda n: {"return": f"R{n}", "refund": n, "extra": "x" * 100}, LARGE_BYTES)
    assert read_large(tmp_path / "refunds.csv", "refunds") == (rows, 0, rows)


def test_the_largest_file_that_is_held_in_memory(tmp_path: Path) -> None:
    rows = write(tmp_path / "receipts.csv", "receipts", lambda n: {"return": f"R{n}", "source_id": n}, 9_500_000)
    assert (tmp_path / "receipts.csv").stat().st_size < tables.IN_MEMORY_BYTES
    assert read_large(tmp_path / "receipts.csv", "receipts", 200) == (rows, 0, rows)


def test_one_endless_line(tmp_path: Path) -> None:
    with (tmp_path / "facts.jsonl").open("wb") as stream:
        for _ in range(300):
            stream.write(b"[" * 1_000_000)
    assert read_large(tmp_path / "facts.jsonl", "facts") == (0, 1, 1)
