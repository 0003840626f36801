"""Case files, as the product reads its own file: by libyaml. In Python it takes ten times as long.

An escaped surrogate (``\\ud800``) libyaml refuses: a file that has one is read by `yaml.safe_load`.
"""

from __future__ import annotations

from typing import Any

import yaml


def load_yaml(text: str | bytes) -> Any:
    """What a YAML document holds.

    :raises yaml.YAMLError: it is none.
    """
    return yaml.load(text, Loader=yaml.CSafeLoader)
