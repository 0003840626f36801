#!/usr/bin/env bash
# As in Airflow's image: `bash` and `python` run as they are, all else is a sub-command of airflow.
case ${1:-} in
    bash | python) exec "$@" ;;
    airflow) shift ;;
esac
exec airflow "$@"
