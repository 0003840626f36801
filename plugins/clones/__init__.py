"""The domain: configuration, states, rules, SYMCLI and host commands as text in and out.

Nothing here imports Airflow, SSH or the lab, and nothing does I/O: what must be run is yielded as
:class:`clones.asking.steps.Command` and whoever holds a connection sends back a
:class:`clones.asking.steps.Result`.
"""
