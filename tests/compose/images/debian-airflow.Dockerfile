# Keeps what Airflow's own image promises: user airflow (50000:0), /opt/airflow, its entry point, `pip install` for
# that user, curl. Python and all programs are Debian's.
FROM symclone-test/debian
RUN export DEBIAN_FRONTEND=noninteractive; apt-get update -qq && apt-get install -qq --no-install-recommends ca-certificates curl dumb-init python3 python3-venv
# This machine's own authorities: builds may go through a proxy that it trusts.
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY airflow-entrypoint.sh /entrypoint
RUN useradd --uid 50000 --gid 0 --create-home airflow \
    && install -d -o airflow -g 0 -m 0775 /opt/airflow /opt/airflow/dags /opt/airflow/logs /opt/airflow/plugins
USER airflow
RUN python3 -m venv /home/airflow/.local
ENV PATH=/home/airflow/.local/bin:$PATH AIRFLOW_HOME=/opt/airflow DUMB_INIT_SETSID=1 \
    PIP_CERT=/etc/ssl/certs/ca-certificates.crt
WORKDIR /opt/airflow
ENTRYPOINT ["/usr/bin/dumb-init", "--", "/entrypoint"]
