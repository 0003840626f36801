# Airflow's image plus what requirements.txt locks. The code is mounted by docker-compose.yaml.
ARG BASE_IMAGE=apache/airflow:3.3.2-python3.12
FROM ${BASE_IMAGE}

# The lab's folder: a volume mounted here takes over its owner.
USER root
RUN install -d -o airflow -g 0 -m 0770 /run/ssh
USER airflow

COPY requirements.txt /requirements.txt
RUN pip install --no-cache-dir --require-hashes --no-deps -r /requirements.txt
