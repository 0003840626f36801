# Keeps what the official image promises, as far as docker-compose.yaml uses it: the user, /data, `redis-server ...`.
FROM symclone-test/debian
RUN export DEBIAN_FRONTEND=noninteractive; apt-get update -qq && apt-get install -qq --no-install-recommends redis-server \
    && install -d -o redis -g redis /data
VOLUME /data
WORKDIR /data
# The official image turns protected mode off, too: other containers are not loopback.
ENTRYPOINT ["/bin/sh", "-c", "exec \"$@\" --protected-mode no", "entrypoint"]
CMD ["redis-server"]
