# syntax=docker/dockerfile:1
# One binary with glibc and the certificate authorities, run as user 65532.
# It has no curl, which signs in where YARN and HDFS require Kerberos: see "Kerberos" in docs/operations.md.

FROM rust:1.95-slim-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --profile dist --features daemon \
    && install -D target/dist/headroom /out/headroom \
    && install -d /out/state

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /out/headroom /usr/local/bin/headroom
COPY --from=build --chown=65532:65532 /out/state /var/lib/headroom
COPY policies /usr/share/headroom/policies
USER 65532:65532
VOLUME /var/lib/headroom
# The status page is reachable from inside the container only; HEADROOM__LISTEN=0.0.0.0:9742 opens it.
EXPOSE 9742
HEALTHCHECK --interval=30s --timeout=6s --start-period=60s CMD ["/usr/local/bin/headroom", "status", "--health"]
ENTRYPOINT ["/usr/local/bin/headroom"]
# For settings, mount /etc/headroom or set HEADROOM__POLICY to a policy file.
CMD ["run"]
