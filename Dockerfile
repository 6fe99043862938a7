# The operator's, the context hub's and the drivers' images: --target operator, --target hub, --target driver.
# --build-arg BASE, BUILD_BASE: other bases, with a `node` in /nodejs/bin (distroless) or /usr/local/bin.
# --build-arg DIST: `built` makes the bundles here (buildah wants it said), `prebuilt` takes those of `npm run build`.
ARG BUILD_BASE=docker.io/library/node:24-slim
ARG BASE=gcr.io/distroless/nodejs24-debian13:nonroot
ARG DIST=built

FROM ${BUILD_BASE} AS built
WORKDIR /src
COPY . .
RUN npm install --no-save --no-audit --no-fund && npm run build

FROM scratch AS prebuilt
COPY dist /src/dist

FROM ${DIST} AS dist

FROM ${BASE} AS base
ARG VERSION=0.0.0
LABEL org.opencontainers.image.source="https://github.com/vextir/vextir" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
ENV PATH=/nodejs/bin:/usr/local/bin:/usr/bin:/bin \
    NODE_ENV=production
WORKDIR /app
COPY --from=dist /src/dist/package.json /app/package.json
USER 65532:65532

FROM base AS operator
LABEL org.opencontainers.image.title="vextir operator"
COPY --from=dist /src/dist/operator /app/operator
COPY --from=dist /src/dist/driver/manifests.json /app/driver/manifests.json
# A third less memory: small code and young generation, and what malloc has free goes back to the system.
ENV MALLOC_ARENA_MAX=1 MALLOC_TRIM_THRESHOLD_=65536 MALLOC_MMAP_THRESHOLD_=65536
ENTRYPOINT ["node", "--max-semi-space-size=2", "--optimize-for-size", "/app/operator/main.js"]

FROM base AS hub
LABEL org.opencontainers.image.title="vextir context hub"
COPY --from=dist /src/dist/hub /app/hub
ENTRYPOINT ["node", "/app/hub/main.js"]

FROM base AS driver
LABEL org.opencontainers.image.title="vextir driver"
COPY --from=dist /src/dist/driver /app/driver
# Compiled once, here: a pod starts in half the time. Node keeps one cache per user, and finds none to be no error.
USER 0:0
RUN ["node", "-e", "\
  const fs = require('node:fs'), { spawnSync } = require('node:child_process'); \
  const [uid, gid, cache] = [65532, 65532, '/app/compile-cache']; \
  fs.mkdirSync(cache); \
  fs.chownSync(cache, uid, gid); \
  const drivers = fs.readdirSync('/app/driver/drivers').filter((file) => file.endsWith('.js')); \
  const all = [...drivers.map((file) => '/app/driver/drivers/' + file), '/app/driver/main.js']; \
  const code = all.map((file) => 'await import(' + JSON.stringify(file) + ')').join(';'); \
  const env = { ...process.env, NODE_COMPILE_CACHE: cache }; \
  spawnSync(process.execPath, ['--input-type=module', '-e', code], { uid, gid, env }); \
  if (fs.readdirSync(cache).length === 0) throw new Error('nothing was compiled');"]
USER 65532:65532
ENV NODE_COMPILE_CACHE=/app/compile-cache
ENTRYPOINT ["node", "/app/driver/main.js"]
