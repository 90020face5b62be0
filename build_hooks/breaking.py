"""Compares the protos with those of the main branch; a first version has nothing to break."""

import subprocess
import sys
from pathlib import Path

BASES = ("origin/main", "main")


def main() -> int:
    """`buf breaking` against the first base that has protos; 0 when none has."""
    buf = Path(sys.executable).parent / "buf"
    for base in BASES:
        probe = ["git", "cat-file", "-e", f"{base}:protos/pawl/v1/job.proto"]
        if subprocess.run(probe, check=False, capture_output=True).returncode == 0:
            against = f".git#ref={base}"
            return subprocess.run([buf, "breaking", "--against", against], check=False).returncode
    sys.stdout.write("buf breaking: no earlier protos to compare with\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
