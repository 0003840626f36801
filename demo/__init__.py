"""The demonstration: a lab, a private Airflow, one refresh, and what came of it.

:mod:`demo.local_airflow` and :mod:`demo.rest` serve tests as well.
"""
