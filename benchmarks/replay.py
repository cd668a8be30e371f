"""How long replaying recordings takes, and whether memory stays flat: figures for README.md beside this file.

    python benchmarks/replay.py ../shared/recordings

Each measurement runs in a process of its own, three times; the best counts. The yardstick is what cannot be saved:
loading the same files with PyYAML's C loader.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

_LOAD = """
import sys, yaml
from pathlib import Path
loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
for top in sys.argv[1:]:
    for path in sorted(Path(top).rglob("*.yaml")):
        with path.open("rb") as file:
            yaml.load(file, Loader=loader)
"""
_REPLAY = """
import sys
from pathlib import Path
from llmprobe.runner.replay import replay_paths
replay_paths([Path(top) for top in sys.argv[1:]], None, count_unknown=True)
"""
_MEASURED = """
import json, resource
usage = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps([usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024]))
"""


def measure(code: str, folders: list[str]) -> tuple[float, float]:
    """CPU seconds and peak memory in MB, the best of three runs."""
    runs = []
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", code + _MEASURED, *folders], capture_output=True, check=True)
        runs.append(json.loads(done.stdout))
    return min(seconds for seconds, _ in runs), min(memory for _, memory in runs)


def main() -> None:
    """Print the figures as a Markdown table."""
    recordings = Path(sys.argv[1])
    files = sorted(recordings.rglob("*.yaml"))
    size = sum(path.stat().st_size for path in files) / 1e6
    parts = sorted(str(path) for path in recordings.glob("*/*") if path.is_dir())
    tenth = next(part for part in parts if part.endswith("2025-08/groq"))
    loaded, _ = measure(_LOAD, [str(recordings)])
    seconds, memory = measure(_REPLAY, [str(recordings)])
    _, some = measure(_REPLAY, [tenth])
    _, nothing = measure("import llmprobe.runner.replay\n", [])
    print(f"{len(files):,} recordings, {size:.0f} MB, Python {sys.version.split()[0]}\n")
    print("| what | measured | target |\n| ---- | -------- | ------ |")
    print(f"| replay all, CPU seconds on one core | {seconds:.1f} | < 60 |")
    print(f"| replay all / loading the YAML alone, CPU | {seconds / loaded:.1f} | |")
    print(f"| recordings a second | {len(files) / seconds:,.0f} | |")
    print(f"| peak memory, all / one provider of a tenth the size | {memory:.0f} MB / {some:.0f} MB | flat |")
    print(f"| peak memory, all / the program with nothing to do | {memory:.0f} MB / {nothing:.0f} MB | |")


if __name__ == "__main__":
    main()
