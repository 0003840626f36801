"""The demonstration: a lab, a private Airflow, one refresh, and what came of it.

:mod:`private_airflow.instance` and :mod:`private_airflow.rest` serve tests as well.
"""
