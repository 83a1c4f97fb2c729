output "alert_filters" {
  description = "The Logging query of every alert on logs, by alert: to try one, `gcloud logging read \"$(terraform output -json alert_filters | jq -r '.\"backup-failed\"')\"`."
  value       = merge(local.event_filters, { for name, alert in local.change_alerts : name => alert.filter })
}

output "backup_now" {
  description = "Takes a backup before a deployment; change the name."
  value       = "${local._execute.backup} --args=--name=pre-deployment-v1.5.0"
}

output "build_region" {
  description = "Where `make push BUILD=cloud` builds."
  value       = try(var.cloud_build.region, "global")
}

output "environment" {
  description = "The settings with which `litekeep` on your machine works on these backups: `eval \"$(terraform output -raw environment)\"`, then `litekeep status`."
  value       = join("\n", [for name, value in merge(local.env.monitor, { LOG_FORMAT = "text" }) : "export ${name}='${replace(value, "'", "'\\''")}'"])
}

output "identities" {
  description = "The service account of each job, by job: what to grant rights to in other projects."
  value       = { for name, account in google_service_account.job : name => account.email }
}

output "jobs" {
  description = "Every job: when it starts, or who starts it."
  value       = { for name, job in local.jobs : "${var.name_prefix}-${name}" => job.schedule == null ? job.on_demand : "${local.schedules[job.schedule]} (UTC)" }
}

output "key" {
  description = "BACKUP_KEY. Without this key no backup can be read: note it where you keep the disaster plan."
  value       = "gcp-kms://${google_kms_crypto_key.wrapping.id}"
}

output "name_prefix" {
  description = "What the name of every job begins with."
  value       = var.name_prefix
}

output "next_steps" {
  description = "What to do after this apply, in order: `terraform output -raw next_steps`."
  value       = var.images == null ? local._steps_before_images : local._steps_with_jobs
}

output "registry" {
  description = "Where `make push` pushes images to."
  value       = local.registry

  depends_on = [google_artifact_registry_repository.images]
}

output "restore" {
  description = "Says what a restore would do, and changes nothing. To do it, give the database to restore into instead of --dry-run: `--args=--backup=ID,--to=sqlitecloud://HOST/NEW-NAME`."
  value       = "${local._execute.restore} --args=--backup=latest-verified,--dry-run"
}

output "stores" {
  description = "BACKUP_STORE, and BACKUP_COPY_STORE where there is one."
  value       = { for store, bucket in google_storage_bucket.store : store => "gs://${bucket.name}" }

  # Whoever uses a store needs its rights in place.
  depends_on = [google_storage_bucket_iam_member.job]
}

output "take_down" {
  description = "Takes everything down but the backups and the keys that open them: `terraform output -raw take_down`."
  value       = "make take-down PROJECT=${var.project_id}"
}

output "verify_latest" {
  description = "Proves the newest backup by a restore into a scratch database."
  value       = "${local._execute.verify} --args=--backup=latest"
}

locals {
  _steps_before_images = <<-EOT
    # 1. The connection strings; nothing shows or stores what you type but Secret Manager. Best with an API key that can only read, then one that can write${var.watch_native_backups ? ", then one that can only list native backups" : ""}:
    ${join("\n", [for secret in concat(["source", "target"], var.watch_native_backups ? ["monitor"] : []) : "read -rs URL && printf %s \"$URL\" | gcloud secrets versions add ${var.name_prefix}-${secret}-url --project=${var.project_id} --data-file=-"])}
    # 2. The images; this writes images.auto.tfvars.json with their digests:
    make push
    # 3. Jobs, schedules and alerts:
    ${local._deploy}
  EOT

  _steps_with_jobs = <<-EOT
    # The first backups of the schedules, so that no alert waits for their slots, and their proof:
    ${join("\n", [for kind in keys(local.scheduled_kinds) : local._execute["backup-${kind}"]])}
    ${local._execute.verify}
    ${local._execute.drill} --args=--drill,--now
    # Whether a restore would reach its target, and what the monitor thinks:
    ${local._execute.restore-check}
    ${local._execute.monitor}
  EOT
}
