# Every target works on a fresh machine with git, make and Node 20 or newer, and installs the packages first where needed.
# GNU make 3.81 suffices, which is the version of macOS.

SHELL := /bin/sh
# It makes the driver of Postgres load an implementation that is not installed.
unexport NODE_PG_FORCE_NATIVE
# Sends requests of the runner, the storm and the tests to this machine's own services through a proxy.
unexport NODE_USE_ENV_PROXY
NODE := node_modules/.bin/node
.DEFAULT_GOAL := help
.PHONY: help run-all stop compose-smoke storm load check-invariants admin profile rotate-keys log-level token certs bench test fuzz unit precommit format generate api release-proto release-check vendor-proto migrate migrate-down migrate-status clean-data packages

help: ## Prints this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# exec: a signal to make reaches the runner itself, and make waits until the runner has ended.
run-all: packages ## Runs the whole mesh on this machine: Postgres, pgbouncer, the six services (EVENTS=kafka adds Kafka; CALLS=grpc: calls over gRPC; STACK=compose uses containers)
	@case "$$STACK" in \
	  '') exec $(NODE) mesh/src/run/run-all.ts ;; \
	  compose) exec $(NODE) mesh/src/compose/run-compose.ts run ;; \
	  *) echo "STACK is \"$$STACK\", but has to be compose, or not set." >&2; exit 1 ;; \
	esac

stop: packages ## Stops the mesh in another terminal or in containers (STACK=compose: only containers), and keeps its data
	@exec $(NODE) mesh/src/run/stop.ts

compose-smoke: packages ## Tests docker-compose.yml: start, a purchase through the gateway, its notifications, removal (EVENTS=rpc: without Kafka)
	@exec $(NODE) mesh/src/compose/compose-smoke.ts

storm: packages ## Simulates many users on the running mesh, then checks the invariants (USERS=50 SECONDS=20 RATE=1000 SEED=…; VIA=gateway with accounts)
	@exec $(NODE) storm/src/main.ts

load: packages ## Offers purchases to the running mesh at a steady pace, and prints their latencies (USERS=50 RATE=20 SECONDS=30; VIA=gateway with accounts)
	@exec $(NODE) storm/src/load/main.ts

check-invariants: packages ## Checks the invariants of the running mesh (HISTORY=file adds the answers that clients received)
	@exec $(NODE) tools/src/check-invariants.ts

kafka: packages ## Runs one Kafka broker on this machine (requires Java 17 and Maven); run-all EVENTS=kafka starts its own
	@exec $(NODE) mesh/src/kafka/kafka.ts

dead-letters: packages ## Lists the events that notifications could not process (ORDER=5: of one order)
	@exec $(NODE) tools/src/dead-letters.ts list

replay: packages ## Replays dead letters (ORDER=5: of one order; DISCARD=<partition>:<offset> discards one)
	@exec $(NODE) tools/src/dead-letters.ts replay

admin: packages ## Makes an account of the running mesh an admin, and creates it where there is none (EMAIL=anna@shop.example)
	@exec $(NODE) tools/src/admin.ts

profile: packages ## Profiles a running service, draws its flame graph and prints a summary (SERVICE=loms SECONDS=10 KIND=cpu, heap or allocations)
	@exec $(NODE) tools/src/profile.ts

rotate-keys: packages ## Replaces the key that signs access tokens (LEAKED=yes: all keys, so that every access token is refused)
	@exec $(NODE) tools/src/rotate-keys.ts

log-level: packages ## Switches the log level of a running service to debug, or back (SERVICE=loms)
	@exec $(NODE) tools/src/log-level.ts

token: packages ## Prints a header that proves a caller to a service: curl -H "$$(make -s token CALLER=gateway SERVICE=loms)" … (SECONDS=60)
	@exec $(NODE) tools/src/token.ts

bench: packages ## Runs a benchmark (WHAT=rpc-kit, grpc, loms, checkout, notifications, gateway, sustained, overload, metastable, balancer or hedging; ARGS='--help' lists its options)
	@case "$$WHAT" in \
	  rpc-kit|grpc|loms|checkout|notifications|gateway|sustained|overload|metastable|balancer|hedging) exec $(NODE) "benchmarks/$$WHAT/bench.ts" $(ARGS) ;; \
	  *) echo 'WHAT is not a benchmark: make bench WHAT=rpc-kit (or grpc, loms, checkout, notifications, gateway, sustained, overload, metastable, balancer, hedging).' >&2; exit 2 ;; \
	esac

test: packages ## Runs all tests: unit, on a real Postgres, on a real Kafka, end to end
	@exec $(NODE) testing/src/run/test.ts

fuzz: packages ## Sends mutated requests to rpc-kit's server, then compares it with an earlier commit (REQUESTS=100000 SEED=… BEFORE=<commit>)
	@$(NODE) rpc-kit/test/fuzz/main.ts --requests "$${REQUESTS:-100000}" --seed "$$SEED"
	@exec $(NODE) rpc-kit/test/fuzz/compare-main.ts --seed "$$SEED" --before "$$BEFORE"

unit: packages ## Runs the unit tests only
	@exec $(NODE) node_modules/mocha/bin/mocha.js --config .mocharc.unit.json

precommit: packages ## Checks format, types, imports, unit tests with coverage, generated files, rpc-kit's public interface, and that no contract breaks callers
	@exec $(NODE) tools/src/precommit/precommit.ts

format: packages ## Formats the code and applies the linter's fixes
	@exec node_modules/.bin/biome check --write .

generate: packages ## Writes contracts.md, the READMEs' tables of variables, Grafana's dashboards and the .proto files
	@exec $(NODE) tools/src/generate/generate.ts

api: packages ## Writes the reports of rpc-kit's public interface (rpc-kit/api) and its API reference (docs/api)
	@exec $(NODE) tools/src/api/api.ts

release-proto: packages ## Keeps the contracts as they are as the release that make precommit compares later ones with
	@exec $(NODE) tools/src/proto/release-proto.ts

release-check: packages ## Does everything of a release of rpc-kit but its publication (TAG=rpc-kit-v0.1.0; OUT=folder keeps the tarball, SBOM and notes)
	@exec $(NODE) tools/src/release/release-check.ts

vendor-proto: packages ## Fetches the .proto files that gRPC servers share (status, health, reflection), pinned, and compiles them
	@exec $(NODE) tools/src/proto/vendor-proto.ts

certs: packages ## Creates certificates for mutual TLS in .mesh/tls; TLS=on make run-all uses them
	@exec $(NODE) tools/src/certs.ts

migrate: packages ## Applies the pending migrations (SERVICE=loms for one service)
	@exec $(NODE) tools/src/migrate.ts up

migrate-down: packages ## Rolls back the newest migration of SERVICE
	@exec $(NODE) tools/src/migrate.ts down

migrate-status: packages ## Lists the migrations and which of them are applied
	@exec $(NODE) tools/src/migrate.ts status

clean-data: packages ## Removes the data and logs of the mesh (.mesh/; STACK=compose: containers and volumes)
	@case "$$STACK" in compose) exec $(NODE) mesh/src/compose/run-compose.ts clean ;; *) exec $(NODE) mesh/src/run/clean-data.ts ;; esac

packages: node_modules/.package-lock.json

# Flags override the shell and ~/.npmrc: NODE_ENV=production, omit=dev and ignore-scripts=true would omit the Node that
# every target runs.
NPM_CI := npm ci --include=dev --include=optional --include=peer --ignore-scripts=false --bin-links=true --dry-run=false \
  --global=false --package-lock-only=false --engine-strict=false --install-strategy=hoisted
# These select some of the packages, or those of another platform, and no flag overrides them.
unexport npm_config_workspace npm_config_workspaces npm_config_location npm_config_os npm_config_cpu npm_config_libc
unexport NPM_CONFIG_WORKSPACE NPM_CONFIG_WORKSPACES NPM_CONFIG_LOCATION NPM_CONFIG_OS NPM_CONFIG_CPU NPM_CONFIG_LIBC

# Without a working Node the packages do not count as installed.
RUNS := NODE_OPTIONS= $(NODE) --version >/dev/null 2>&1
ifneq ($(shell $(RUNS) && echo yes),yes)
.PHONY: node_modules/.package-lock.json
endif

# npm writes this file last, so it is missing after an installation that failed.
node_modules/.package-lock.json: package-lock.json
	@command -v node >/dev/null || { echo 'Node is not installed: Node 20 or newer is needed, see https://nodejs.org.' >&2; exit 1; }
	@command -v npm >/dev/null || { echo 'npm is not installed: it comes with Node 20 or newer, see https://nodejs.org.' >&2; exit 1; }
	@NODE_OPTIONS= node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)' || { echo "Node $$(NODE_OPTIONS= node --version) is too old: Node 20 or newer is needed, see https://nodejs.org." >&2; exit 1; }
	@echo 'Installing the packages (npm ci); the first time this takes about a minute.'
	@rm -f $@ 2>/dev/null || true
	@$(NPM_CI) || { echo 'npm ci failed, see above: check the network, the disk and write access to node_modules, then call make again.' >&2; exit 1; }
	@$(RUNS) || { echo 'npm ci left no Node that runs in node_modules/.bin: look for the setting that keeps it out (npm config ls -l), then call make again.' >&2; exit 1; }
	@touch $@
