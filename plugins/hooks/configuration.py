"""Where ``services.yaml`` is."""

import os
from pathlib import Path

CONFIG = os.environ.get("SYMCLONE_CONFIG") or str(Path(__file__).parents[2] / "config" / "services.yaml")
"""Its path, unless an operator says otherwise."""
