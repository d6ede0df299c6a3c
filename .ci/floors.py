"""The lowest version of each direct dependency that pyproject.toml allows, as constraints for pip.

pip and not `uv --resolution lowest-direct`: of torch 2.13.0 and 2.13.0+cpu the lowest is the build for CUDA, and `==2.13` takes either.
"""

import re
import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
for requirement in [*project["dependencies"], *project["optional-dependencies"]["dev"]]:
    name, floor = re.fullmatch(r"([\w.-]+)>=([\w.]+).*", requirement).groups()
    print(f"{name}=={floor}")
