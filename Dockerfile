FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked -p selvedge-server -p selvedge \
    && cp target/release/selvedge-server target/release/selvedge /usr/local/bin/

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --user-group --uid 10001 --no-create-home selvedge \
    && install -d -o selvedge -g selvedge /var/lib/selvedge
COPY --from=build /usr/local/bin/selvedge-server /usr/local/bin/selvedge /usr/local/bin/
USER selvedge
WORKDIR /var/lib/selvedge
VOLUME /var/lib/selvedge
EXPOSE 50071
# Beyond loopback the server starts only with --allow-insecure, which is for whoever runs the image to say.
ENV SELVEDGE_LISTEN=0.0.0.0:50071
ENTRYPOINT ["selvedge-server"]
CMD ["--repository", "/var/lib/selvedge", "--create-repository"]
