"""Types the README's commands again and puts their answers in: `python -m tests.refresh_readme`, after a change of what they say."""

from __future__ import annotations

import os
import re
import shlex
import tempfile
from pathlib import Path

from adapters.postgres import open_database
from tests.cli.typing import ROOT, Terminal


def main() -> None:
    readme = (ROOT / "README.md").read_text()
    with tempfile.TemporaryDirectory() as box:
        Path(box).chmod(0o755)
        with open_database(Path(box) / "server", os.environ.get("DATABASE_URL")) as database:
            terminal = Terminal(Path(box), database, "readme")
            terminal.env |= {"COLUMNS": "110", "PYTHONUNBUFFERED": "1"}
            for name, text in re.findall(r"<!-- file: (\S+) -->\n```csv\n(.*?)```", readme, re.DOTALL):
                (Path(box) / name).write_text(text)
            blocks = re.compile(r"(?<=```console\n).*?(?=```)", re.DOTALL)
            (ROOT / "README.md").write_text(blocks.sub(lambda block: _typed(terminal, block[0]), readme))


def _typed(terminal: Terminal, block: str) -> str:
    answers = []
    for command in re.findall(r"^\$ (.*)$", block, re.MULTILINE):
        answered = terminal.type(*shlex.split(command)[1:], merged=True).out
        answers.append(f"$ {command}\n{answered.rstrip()}\n" if answered.strip() else f"$ {command}\n")
    return "".join(answers).replace(str(terminal.where), "…")


if __name__ == "__main__":
    main()
