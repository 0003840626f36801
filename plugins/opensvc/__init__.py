"""From a service configuration of the predecessor, the OpenSVC agent, to ``services.yaml``.

``scripts/import-opensvc`` is the command (``__main__.py``). ``reading.py`` reads the file, ``evaluating.py``
takes one node's view of it (scopes and references), ``services.py`` makes a service of it from ``syncs.py``,
``resources.py``, ``apps.py`` and ``schedules.py``, and ``writing.py`` writes that as YAML. What cannot be
carried over is in the report (``report.py``); ``left_out.py`` says of each known keyword why.
"""
