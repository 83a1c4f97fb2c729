# Images, and what is done in the cloud: docs/deploy.md. What is given on make's command line reaches the recipes
# by the environment, where no character of it means anything to a shell. STAGE=NAME is one of several installations.
.PHONY: images push plan deploy take-down providers providers-age backup-now verify-now restore status

TARGETS := $(shell sed -n 's/^FROM base AS //p' Dockerfile)

images: ## build each job's image with Docker, as litekeep/JOB
	@for target in $(TARGETS); do docker build --platform=linux/amd64 --target=$$target --tag=litekeep/$$target . || exit; done

push: ## build and push the images, and tell terraform their digests (BUILD=cloud: in Cloud Build)
	@deploy/push

plan: ## show what differs in the cloud, and change nothing: make plan PROJECT=...
	@deploy/plan

deploy: ## plan, confirm, apply: make deploy PROJECT=... [STAGE=...]
	@deploy/apply

take-down: ## remove all but the backups and their keys: make take-down PROJECT=...
	@deploy/take-down

providers: ## write terraform's lock file, for linux and darwin
	@deploy/providers lock

providers-age: ## fail when terraform's lock file is missing or old
	@deploy/providers age

backup-now: ## take a backup in the cloud: make backup-now [NAME=pre-deployment-v1.5.0]
	@deploy/execute backup $${NAME:+"--name=$$NAME"}

verify-now: ## prove a backup in the cloud: make verify-now [BACKUP=latest]
	@deploy/execute verify "--backup=$${BACKUP:-latest}"

restore: ## restore in the cloud: make restore TO=sqlitecloud://HOST/NEW-NAME [BACKUP=...]; without TO, say what it would do
	@how=--dry-run; if [ -n "$$TO" ]; then how=--to=$$TO; fi; deploy/execute restore "--backup=$${BACKUP:-latest-verified}" "$$how"

status: ## let the monitor look in the cloud, and show what it found
	@deploy/status
