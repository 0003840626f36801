#!/usr/bin/env bash
# The newest Celery that Airflow's Celery provider allows is one with which it cannot be imported.
#
# Software: apache-airflow 3.3.2, apache-airflow-providers-celery 3.26.0, celery 5.7.0 and 5.6.3, Python 3.11.
#
# Expected: the provider asks for celery >=5.5.0,<6; what pip then installs works.
# Seen: pip installs celery 5.7.0 and `pip check` has nothing to say, but
#     ImportError: cannot import name 'retry' from 'celery.backends.database'
# The provider imports `retry` of Celery's database backend whatever result backend is set; 5.7 no longer has that name.
# With celery 5.6.3 in the same environment the import works.
#
# Why it matters: a deployment that renews its lock on a quiet day has workers and a scheduler that do not start, and the
# refresh of the night is not there. Pin celery <5.7 until the provider says so itself.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check apache-airflow==3.3.2 \
    apache-airflow-providers-celery==3.26.0 celery==5.7.0

export AIRFLOW_HOME="$work/airflow"
try() {
  "$work/venv/bin/python" -W ignore - 2>&1 <<'PY'
try:
    import airflow.providers.celery.executors.celery_executor_utils
except ImportError as error:
    print("ImportError:", str(error).partition(" (")[0])
else:
    print("imported")
PY
}

"$work/venv/bin/pip" check
new=$(try | tail -n 1)
echo "celery 5.7.0: $new"
[ "$new" = "ImportError: cannot import name 'retry' from 'celery.backends.database'" ] ||
  { echo 'changed: celery 5.7.0' >&2; exit 1; }

"$work/venv/bin/pip" install --quiet --disable-pip-version-check celery==5.6.3
old=$(try | tail -n 1)
echo "celery 5.6.3: $old"
[ "$old" = imported ] || { echo 'changed: celery 5.6.3' >&2; exit 1; }
