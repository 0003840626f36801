"""The board: how fresh each copy is, what runs and who holds it up, as a page of Airflow's UI.

:mod:`board.app` has the routes, :mod:`board.access` who sees what, :mod:`board.database` the queries; what is
shown from what they bring is :mod:`board.fleet`, :mod:`board.service` and :mod:`board.metrics`. It runs in
Airflow's API server, talks to no host and writes nothing.
"""
