"""One step of one contestant, for the time of a whole process: `python -m benchmarks.first NAME NET MODULE`.

A path as MODULE is that of an emitted module, for the contestant that only loads it.
"""

from __future__ import annotations

import importlib.util
import sys

from benchmarks.contestants import CONTESTANTS, of_module
from benchmarks.nets import NETS


def main(name: str, net: str, path: str) -> None:
    if name in CONTESTANTS:
        CONTESTANTS[name](NETS[int(net)]).step()
        return
    specification = importlib.util.spec_from_file_location("module", path)
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    of_module(module, NETS[int(net)]).step()


if __name__ == "__main__":
    main(*sys.argv[1:])
