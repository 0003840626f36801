"""The table of secrets: which container is given which, in docker-compose.yaml and in the running stack."""

from __future__ import annotations

API, INIT, SCHEDULER, WORKER = "airflow-apiserver", "airflow-init", "airflow-scheduler", "airflow-worker"
DAG_PROCESSOR, TRIGGERER = "airflow-dag-processor", "airflow-triggerer"
OF_FIRST_USERS = {"VIEWER_PASSWORD", "OPERATOR_PASSWORD", "APPROVER_PASSWORD"}
"""Without these there are no such users; they are never made up."""
HOLDERS = {
    "POSTGRES_PASSWORD": {"postgres", INIT, API, SCHEDULER},
    "DAG_PROCESSOR_PASSWORD": {INIT, DAG_PROCESSOR},
    "TRIGGERER_PASSWORD": {INIT, TRIGGERER},
    "REDIS_PASSWORD": {"redis", SCHEDULER, WORKER},
    "FERNET_KEY": {INIT, API, DAG_PROCESSOR, TRIGGERER},
    "JWT_SECRET": {API, SCHEDULER},
    "API_SECRET_KEY": {API},
    "INSTALLATION_ID": {INIT, TRIGGERER, WORKER},
    "ADMIN_PASSWORD": {INIT},
    **{name: {INIT} for name in OF_FIRST_USERS},
}
"""Variable of .env -> the services that are given its value; none else."""
SECRETS = set(HOLDERS) - OF_FIRST_USERS
"""Without each of these nothing starts."""
