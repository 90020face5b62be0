"""Generates `pawl/v1` from `protos/` whenever the project is built or installed."""

import os
import shutil
import sys
from pathlib import Path
from typing import Any

from grpc_tools import protoc
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent.parent


def generate(root: Path) -> None:
    """Writes the Python modules and stubs of every file below `root/protos` beside `root/pawl`."""
    protos = root / "protos"
    sources = sorted(str(path.relative_to(protos)) for path in protos.rglob("*.proto"))
    package = root / "pawl" / "v1"
    package.mkdir(parents=True, exist_ok=True)
    for stale in package.glob("*_pb2*"):
        stale.unlink()
    # Beside the interpreter when run from a virtual environment that is not activated.
    plugin = shutil.which(
        "protoc-gen-mypy_grpc",
        path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
    )
    if plugin is None:
        raise SystemExit("protoc-gen-mypy_grpc is missing: install mypy-protobuf")
    code = protoc.main(
        [
            "protoc",
            f"--plugin=protoc-gen-mypy_grpc={plugin}",
            f"-I{protos}",
            f"-I{Path(protoc.__file__).parent / '_proto'}",
            f"--python_out={root}",
            f"--pyi_out={root}",
            f"--grpc_python_out={root}",
            f"--mypy_grpc_out=quiet:{root}",
            *sources,
        ]
    )
    if code != 0:
        raise SystemExit(f"protoc ended with exit code {code}")
    (package / "__init__.py").write_text('"""Generated from protos/pawl/v1; do not edit."""\n')


class ProtosHook(BuildHookInterface[Any]):
    """Hatchling's entry: runs before the wheel or the editable install is assembled."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Generates the code in the source tree, which the wheel then takes up."""
        generate(ROOT)


if __name__ == "__main__":
    generate(ROOT)
