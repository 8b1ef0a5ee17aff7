# One image for all services, their migrations and small jobs; docker-compose.yml gives each container its command. There is
# no build step: Node strips the types. The syntax is plain, so that builders as old as Docker 20.10 accept it.

FROM node:26-slim AS packages
WORKDIR /app
ENV NODE_ENV=production
COPY package.json package-lock.json .npmrc ./
# npm ci requires every workspace of the lock file, also those that are not installed.
COPY accounts/package.json accounts/
COPY benchmarks/package.json benchmarks/
COPY checkout/package.json checkout/
COPY examples/package.json examples/
COPY gateway/package.json gateway/
COPY invariants/package.json invariants/
COPY loms/package.json loms/
COPY notifications/package.json notifications/
COPY mesh/package.json mesh/
COPY observability/package.json observability/
COPY products/package.json products/
COPY proto/package.json proto/
COPY rpc-kit/package.json rpc-kit/
COPY service-kit/package.json service-kit/
COPY storm/package.json storm/
COPY testing/package.json testing/
COPY tools/package.json tools/
COPY worker-pool/package.json worker-pool/
# TypeScript is installed as an optional peer dependency. It is not needed at run time; nor are type declarations and source maps.
RUN npm ci --omit=dev --ignore-scripts -w accounts -w checkout -w gateway -w loms -w notifications -w products \
 && rm -rf node_modules/typescript node_modules/@typescript node_modules/@types \
 && find node_modules -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' \) -delete

FROM node:26-slim
WORKDIR /app
# In a container, a service must listen on all addresses to be reachable. Docker's networks control access.
ENV NODE_ENV=production HOST=0.0.0.0
# A volume that is mounted here takes over the owner of its folder.
RUN install -d -o node -g node /journal /secrets/gateway \
 && for service in accounts checkout loms notifications products; do \
      install -d -o node -g node "/secrets/$service" "/secrets/$service-database"; \
    done
# Some packages lie in the folder of their workspace, because another version is at the top.
COPY --from=packages /app ./
COPY catalogue catalogue
COPY migrations migrations
COPY worker-pool worker-pool
COPY rpc-kit rpc-kit
COPY proto proto
COPY service-kit service-kit
COPY products products
COPY notifications notifications
COPY loms loms
COPY checkout checkout
COPY accounts accounts
COPY gateway gateway
COPY mesh/src/compose mesh/src/compose
# The code belongs to root, so the user that runs it cannot change it.
USER node
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=6 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/readyz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "-e", "console.error('Say which service: node gateway/src/main.ts, accounts/…, checkout/…, loms/…, notifications/… or products/…'); process.exit(1)"]
