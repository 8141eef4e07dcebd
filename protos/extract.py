"""Takes TensorFlow's generated protobuf modules out of its wheel: python extract.py WHEEL FOLDER

They are all that the gateway's stubs need of it; `protos` finds them below FOLDER/tensorflow. Standard library only.
"""

import sys
import zipfile
from pathlib import Path

WANTED = ("tensorflow/core/", "tensorflow/compiler/xla/", "tensorflow/tsl/")


def main(wheel: str, folder: str) -> None:
    """Write the modules below the folder, and say how many."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.startswith(WANTED) and name.endswith("_pb2.py")]
        if not names:
            sys.exit(f"{wheel} holds no generated protobuf modules")
        archive.extractall(folder, names)
    written = sum((Path(folder) / name).stat().st_size for name in names)
    print(f"{len(names)} modules, {written / 1000:.0f} kB")


if __name__ == "__main__":
    main(*sys.argv[1:])
