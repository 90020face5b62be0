"""`python -m tests.support.clis NAME...`: prints the binary of each pinned CLI, one a line."""

import sys

from tests.support.clis import CliMissing, binary

try:
    for name in sys.argv[1:]:
        print(binary(name))
except CliMissing as missing:
    sys.exit(str(missing))
