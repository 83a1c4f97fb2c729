output "alert_filters" {
  description = "The Logging query of every alert on logs, by alert. To try one: `gcloud logging read \"$(terraform output -json alert_filters | jq -r '.\"backup-failed\"')\"`."
  value       = merge(local.event_filters, { for name, alert in local.change_alerts : name => alert.filter })
}

output "backup_now" {
  description = "Takes a backup before a deployment; change the name."
  value       = "${local._execute.backup} --args=--name=pre-deployment-v1.5.0"
}

output "build_region" {
  description = "The region in which `make push BUILD=cloud` builds."
  value       = try(var.cloud_build.region, "global")
}

output "environment" {
  description = "The settings for using `litekeep` on your machine with these backups: `eval \"$(terraform output -raw environment)\"`, then `litekeep status`."
  value       = join("\n", [for name, value in merge(local.env.monitor, { LOG_FORMAT = "text" }) : "export ${name}='${replace(value, "'", "'\\''")}'"])
}

output "identities" {
  description = "The service account of each job, by job, for grants in other projects."
  value       = { for name, account in google_service_account.job : name => account.email }
}

output "jobs" {
  description = "Every job, with its schedule or who starts it."
  value       = { for name, job in local.jobs : "${var.name_prefix}-${name}" => job.schedule == null ? job.on_demand : "${local.schedules[job.schedule]} (UTC)" }
}

output "key" {
  description = "BACKUP_KEY. Without this key no backup can be read: write it down with your disaster plan."
  value       = "gcp-kms://${google_kms_crypto_key.wrapping.id}"
}

output "name_prefix" {
  description = "The prefix of every job's name."
  value       = var.name_prefix
}

output "next_steps" {
  description = "The commands to run after this apply, in order: `terraform output -raw next_steps`."
  value       = var.images == null ? local._steps_before_images : local._steps_with_jobs
}

output "registry" {
  description = "The registry to which `make push` pushes images."
  value       = local.registry

  depends_on = [google_artifact_registry_repository.images]
}

output "restore" {
  description = "Shows what a restore would do and changes nothing. To restore, give the target database instead of --dry-run: `--args=--backup=ID,--to=sqlitecloud://HOST/NEW-NAME`."
  value       = "${local._execute.restore} --args=--backup=latest-verified,--dry-run"
}

output "stores" {
  description = "BACKUP_STORE and, if set, BACKUP_COPY_STORE."
  value       = { for store, bucket in google_storage_bucket.store : store => "gs://${bucket.name}" }

  # A store can be used only after its rights are granted.
  depends_on = [google_storage_bucket_iam_member.job]
}

output "take_down" {
  description = "Removes everything except the backups and the keys that open them: `terraform output -raw take_down`."
  value       = "make take-down PROJECT=${var.project_id}"
}

output "verify_latest" {
  description = "Verifies the newest backup by a restore into a scratch database."
  value       = "${local._execute.verify} --args=--backup=latest"
}

locals {
  _steps_before_images = <<-EOT
    # 1. Store the connection strings; only Secret Manager stores what you type. Use an API key that can only read for the first, one that can write for the second${var.watch_native_backups ? ", one that can only list native backups for the third" : ""}:
    ${join("\n", [for secret in concat(["source", "target"], var.watch_native_backups ? ["monitor"] : []) : "read -rs URL && printf %s \"$URL\" | gcloud secrets versions add ${var.name_prefix}-${secret}-url --project=${var.project_id} --data-file=-"])}
    # 2. Build and push the images; this writes their digests into images.auto.tfvars.json:
    make push
    # 3. Create jobs, schedules and alerts:
    ${local._deploy}
  EOT

  _steps_with_jobs = <<-EOT
    # Take and verify the first backup of each schedule, so that no alert about missing backups fires before their slots:
    ${join("\n", [for kind in keys(local.scheduled_kinds) : local._execute["backup-${kind}"]])}
    ${local._execute.verify}
    ${local._execute.drill} --args=--drill,--now
    # Check that a restore could reach its target, and run the monitor:
    ${local._execute.restore-check}
    ${local._execute.monitor}
  EOT
}
