# Targets for images and the cloud: docs/deploy.md. Variables of make's command line reach the recipes through the
# environment, where a shell does not interpret them. STAGE=NAME selects one of several installations.
.PHONY: images push plan deploy take-down providers providers-age backup-now verify-now restore status

TARGETS := $(shell sed -n 's/^FROM base AS //p' Dockerfile)

images: ## build each job's image with Docker, as litekeep/JOB
	@for target in $(TARGETS); do docker build --platform=linux/amd64 --target=$$target --tag=litekeep/$$target . || exit; done

push: ## build and push the images, and write their digests for terraform (BUILD=cloud: in Cloud Build)
	@deploy/push

plan: ## show differences to the cloud without changing anything: make plan PROJECT=...
	@deploy/plan

deploy: ## plan, confirm, apply: make deploy PROJECT=... [STAGE=...]
	@deploy/apply

take-down: ## remove everything except the backups and their keys: make take-down PROJECT=...
	@deploy/take-down

providers: ## write terraform's lock file, for linux and darwin
	@deploy/providers lock

providers-age: ## fail if terraform's lock file is missing or old
	@deploy/providers age

backup-now: ## take a backup in the cloud: make backup-now [NAME=pre-deployment-v1.5.0]
	@deploy/execute backup $${NAME:+"--name=$$NAME"}

verify-now: ## verify a backup in the cloud: make verify-now [BACKUP=latest]
	@deploy/execute verify "--backup=$${BACKUP:-latest}"

restore: ## restore in the cloud: make restore TO=sqlitecloud://HOST/NEW-NAME [BACKUP=...]; without TO, show what it would do
	@how=--dry-run; if [ -n "$$TO" ]; then how=--to=$$TO; fi; deploy/execute restore "--backup=$${BACKUP:-latest-verified}" "$$how"

status: ## run the monitor in the cloud, and show its findings
	@deploy/status
