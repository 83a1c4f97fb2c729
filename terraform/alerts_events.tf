# Alerts on events in the jobs' logs. Each lists events of shared/events/events.json and says what to do.

locals {
  # Commands at the end of the alerts' texts. All run anywhere, except `make`, which needs a clone with its variable file.
  _deploy  = "make deploy PROJECT=${var.project_id}"
  _execute = { for job in keys(local._jobs) : job => "gcloud run jobs execute ${var.name_prefix}-${job} --project=${var.project_id} --region=${var.region} --wait" }
  _local   = "BACKUP_STORE=${local.store_url} BACKUP_KEY=gcp-kms://${google_kms_crypto_key.wrapping.id} litekeep"
  _logs    = { for job in keys(local._jobs) : job => "gcloud logging read 'resource.labels.job_name=\"${var.name_prefix}-${job}\" AND severity>=WARNING' --project=${var.project_id} --freshness=1d --format='value(jsonPayload.message)'" }

  event_alerts = {
    audit-gap = {
      title    = "Audit trail incomplete or changed"
      severity = "ERROR"
      events   = ["audit.gap"]
      where    = null
      means    = "An event could not be stored in the audit trail, or an object of the trail was removed, changed or added with an old date, or a checkpoint differs from what the monitor wrote. Find out who can write to the bucket or delete there."
      run      = "${local._local} audit verify   # who: gcloud logging read 'protoPayload.methodName=(\"storage.objects.delete\" OR \"storage.objects.create\")' --project=${var.project_id} --freshness=2d"
    }
    backup-failed = {
      title    = "Backup failed"
      severity = "ERROR"
      events   = ["backup.failed"]
      where    = null
      means    = "A run ended without a backup, or without its copy. Cloud Run retries automatically, and the next slot runs as scheduled. With each further failure a loss would cost more data."
      run      = ["# Why:", local._logs.backup, "# Once that is fixed:", local._execute.backup]
    }
    backup-slow = {
      title    = "Backup close to its timeout"
      severity = "WARNING"
      events   = ["backup.succeeded"]
      where    = "jsonPayload.duration_seconds>${floor(local.sizes.backup.timeout_minutes * 60 * var.alerts.slow_percent / 100)}"
      means    = "A backup took more than ${var.alerts.slow_percent} % of its timeout of ${local.sizes.backup.timeout_minutes} minutes. Soon a backup may not finish in time."
      run = [
        "# In the variable file, add to job_sizes.backup: timeout_minutes = ${min(1440, local.sizes.backup.timeout_minutes * 2)}, or more cpu. Then:",
        local._deploy,
      ]
    }
    backup-stale = {
      title    = "Backup overdue"
      severity = "CRITICAL"
      events   = ["monitor.stale"]
      where    = null
      means    = "The store has no backup of this kind and database that is as recent as the schedule requires. The monitor checks the store itself, not the jobs' logs."
      run      = ["# Or with the kind named above:", "${local._execute.backup} --args=--kind=daily"]
    }
    backup-vanished = {
      title    = "Backup vanished"
      severity = "CRITICAL"
      events   = ["monitor.backup_vanished"]
      where    = null
      means    = "A backup of the last checkpoint is gone, and neither a cleanup nor a litekeep delete removed it: a lifecycle rule did, or somebody with rights on the bucket. Deleted objects can be restored for ${var.bucket.soft_delete_days} days, and the copy store may have the backup."
      run      = "gcloud storage ls --soft-deleted --recursive ${local.store_url}   # restore one: gcloud storage restore URL#GENERATION"
    }
    break-glass = {
      title    = "Break glass: approved with an offline key alone"
      severity = "CRITICAL"
      events   = ["restore.break_glass"]
      where    = null
      means    = "A request that needs two persons was approved with one of the offline keys alone, or such a request is running. If none of you did that, refuse the request at once and change the policy."
      run      = ["${local._local} requests", "${local._local} refuse ID --reason 'not asked for'"]
    }
    cleanup-attention = {
      title    = "Cleanup needs attention"
      severity = "WARNING"
      events   = ["cleanup.attention"]
      where    = null
      means    = "A cleanup kept backups past their retention for a reason that you should know: newer backups fail or are not verified, a manifest cannot be read, or a listing of the store was incomplete. Nothing is lost, but the bucket grows."
      run      = "${local._execute.cleanup} --args=--dry-run"
    }
    cleanup-failed = {
      title    = "Cleanup failed"
      severity = "WARNING"
      events   = ["cleanup.failed"]
      where    = null
      means    = "Not all old backups were deleted. Nothing is lost, but the bucket grows."
      run      = "${local._execute.cleanup} --args=--dry-run"
    }
    cleanup-large = {
      title    = "Cleanup deleted unusually many backups"
      severity = "CRITICAL"
      events   = ["cleanup.succeeded"]
      where    = "jsonPayload.deleted_percent>${var.alerts.cleanup_percent}"
      means    = "One cleanup deleted more than ${var.alerts.cleanup_percent} % of a database's backups. Possible reasons are a shorter retention, a schedule that did not run for some time, or an attack. Deleted objects can be restored for ${var.bucket.soft_delete_days} days."
      run      = ["gcloud storage ls --soft-deleted --recursive ${local.store_url}", "# Restore one by the address that the listing shows:", "gcloud storage restore '${local.store_url}/OBJECT#GENERATION'"]
    }
    copy-behind = {
      title    = "Copy store behind"
      severity = "ERROR"
      events   = ["monitor.copy_behind", "copy.failed"]
      where    = null
      means    = "Backups are missing in the second region. They would be lost with the first region."
      run      = "gcloud storage rsync --recursive --no-clobber ${local.store_url} ${coalesce(local.copy_url, "gs://COPY-BUCKET")}"
    }
    dated-in-future = {
      title    = "Backup dated in the future"
      severity = "WARNING"
      events   = ["monitor.future"]
      where    = null
      means    = "A clock was wrong when this backup was taken, or is wrong now. The backup is ignored until the clock reaches its time, and retention does not delete it."
      run      = ["${local._local} list", "# Once the wrong clock is corrected:", local._execute.backup]
    }
    drill-failed = {
      title    = "Restore drill failed"
      severity = "CRITICAL"
      events   = ["drill.failed"]
      where    = null
      means    = "A backup could not be restored as good data within its target. Treat this as a failed restore, because a real one would have failed too."
      run      = "${local._execute.drill} --args=--drill,--now"
    }
    drill-overdue = {
      title    = "Restore drill overdue"
      severity = "WARNING"
      events   = ["monitor.drill_overdue"]
      where    = null
      means    = "No restore drill has succeeded for over 35 days, so nobody knows how long a recovery takes."
      run      = "${local._execute.drill} --args=--drill,--now"
    }
    key-unusable = {
      title    = "Wrapping key does not work"
      severity = "CRITICAL"
      events   = ["monitor.key_unusable", "monitor.key_at_risk"]
      where    = null
      means    = "The next backup will fail, or existing backups cannot be opened: their key is not the configured one, or the key's versions are gone or disabled. A version scheduled for destruction can be restored for 120 days."
      run      = local._key_commands
    }
    monitor-failed = {
      title    = "Monitor could not check everything"
      severity = "ERROR"
      events   = ["monitor.failed", "monitor.notify_failed"]
      where    = null
      means    = "The monitor could not check everything, or could not send its notifications. Until it works again, a missing alert means nothing."
      run      = ["# Why:", local._logs.monitor, "# Once that is fixed:", local._execute.monitor]
    }
    native-stale = {
      title    = "Platform's own backups behind"
      severity = "WARNING"
      events   = ["monitor.native_stale"]
      where    = null
      means    = "SQLite Cloud's own continuous backups of a database are on, but their newest point is over five minutes old although the database is written to."
      run      = "${local._local} native status --watch 60"
    }
    not-sealed = {
      title    = "Verdict or mark without a valid seal"
      severity = "CRITICAL"
      events   = ["monitor.not_sealed"]
      where    = null
      means    = "Somebody without the key wrote a verdict on a backup, or a mark that a database is unchanged. It is ignored. Find out who can create objects in the store."
      run      = ["# Who wrote it:", "gcloud logging read 'protoPayload.methodName=\"storage.objects.create\"' --project=${var.project_id} --freshness=7d", "# Verify all backups again:", "${local._execute.verify} --args=--all,--again"]
    }
    request-approved = {
      title    = "Approved by a second person"
      severity = "WARNING"
      events   = ["request.approved"]
      where    = null
      means    = "A request to overwrite or delete was made and approved. It can run once within four hours. If either of the two people did not sign it, refuse it: somebody else has their signing key."
      run      = ["${local._local} requests", "${local._local} refuse ID --reason 'not asked for'"]
    }
    restore-check-failed = {
      title    = "A restore would not reach its target"
      severity = "ERROR"
      events   = ["restore.check_failed"]
      where    = null
      means    = "The restore job's monthly check failed: the target's connection string, its login or a privilege is wrong. Nothing is lost, but a restore now would fail."
      run      = ["# Why:", local._logs.restore-check, "# Once that is fixed (docs/deploy.md, Replace a secret):", local._execute.restore-check]
    }
    restore-failed = {
      title    = "Restore failed"
      severity = "CRITICAL"
      events   = ["restore.failed"]
      where    = null
      means    = "A restore ended before its target was complete. The previous data is still there."
      run      = "${local._logs.restore}"
    }
    restore-started = {
      title    = "Restore started"
      severity = "WARNING"
      events   = ["restore.started"]
      where    = null
      means    = "Somebody is restoring a backup. If nobody announced it, find out who it is."
      run = concat(
        ["gcloud run jobs executions list --job=${var.name_prefix}-restore --project=${var.project_id} --region=${var.region} --limit=3"],
        var.audit.data_access
        ? ["# Who started it:", "gcloud logging read 'protoPayload.serviceName=\"run.googleapis.com\" AND protoPayload.methodName:\"Jobs.RunJob\"' --project=${var.project_id} --freshness=1h --format='value(protoPayload.authenticationInfo.principalEmail,protoPayload.resourceName)'"]
        : ["# Who started it is in no log: audit.data_access is off."],
      )
    }
    size-anomaly = {
      title    = "Backup of unusual size"
      severity = "WARNING"
      events   = ["monitor.size_anomaly", "monitor.row_anomaly"]
      where    = "(jsonPayload.change_percent>50 OR jsonPayload.change_percent<-50)"
      means    = "A backup is over 50 % larger or smaller than the last seven, in bytes or rows. The reason may be a migration, or lost data. Hold the last good backup before retention deletes it."
      run      = ["${local._local} list", "${local._local} hold ID --reason 'size anomaly'"]
    }
    store-unwritable = {
      title    = "Store cannot be written"
      severity = "CRITICAL"
      events   = ["monitor.store_unwritable"]
      where    = null
      means    = "The next backup will fail. Check rights, the storage key and quotas."
      run      = "${local._local} health"
    }
    source-damaged = {
      title    = "The database itself is damaged"
      severity = "WARNING"
      events   = ["source.damaged"]
      where    = null
      means    = "The backup is an exact copy, but SQLite's full check finds damage in the source database. The message says how to repair it there."
      run      = "${local._local} status"
    }
    table-vanished = {
      title    = "Table vanished"
      severity = "WARNING"
      events   = ["monitor.table_vanished"]
      where    = null
      means    = "The newest backup lacks a table that the previous one has. The reason may be a migration, or lost data."
      run      = ["${local._local} list", "${local._local} restore --backup ID --table TABLE --to FILE"]
    }
    unverified = {
      title    = "Backup not verified for a day"
      severity = "WARNING"
      events   = ["monitor.unverified"]
      where    = null
      means    = "The verification does not run or does not keep up, so it is not known whether this backup can be restored."
      run      = "${local._execute.verify}"
    }
    wrong-usage = {
      title    = "Verification or drill started with wrong options"
      severity = "WARNING"
      events   = ["drill.refused", "verify.refused"]
      where    = null
      means    = "A verification or drill was started with a wrong flag or setting and did not run. The backups are not affected. But if it was the scheduled one, nothing is verified until it is fixed."
      run      = [local._logs.verify, "# For a drill:", local._logs.drill]
    }
    verify-failed = {
      title    = "Backup is not good"
      severity = "CRITICAL"
      events   = ["verify.failed", "monitor.not_good"]
      where    = null
      means    = "A backup did not pass its verification, or could not be verified. Take another one now, and keep the bad one to find the cause."
      run      = [local._execute.backup, "${local._execute.verify} --args=--backup=latest"]
    }
  }
}

resource "google_monitoring_alert_policy" "event" {
  for_each = { for name, alert in local.event_alerts : name => alert if local.alerts_on }

  project               = var.project_id
  display_name          = "${local.title_prefix}: ${each.value.title}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = local.notification_channels
  user_labels           = local.labels

  conditions {
    display_name = each.value.title
    condition_matched_log {
      filter = local.event_filters[each.key]
      label_extractors = {
        backup_id = "EXTRACT(jsonPayload.backup_id)"
        database  = "EXTRACT(jsonPayload.database)"
        kind      = "EXTRACT(jsonPayload.kind)"
        message   = "EXTRACT(jsonPayload.message)"
      }
    }
  }

  alert_strategy {
    auto_close = "86400s"
    notification_rate_limit {
      period = "300s"
    }
  }

  documentation {
    mime_type = "text/markdown"
    subject   = "${local.title_prefix} ${var.environment}: ${each.value.title}"
    content   = "${each.value.means}\n\n$${log.extracted_label.database} $${log.extracted_label.kind} $${log.extracted_label.backup_id}\n\n$${log.extracted_label.message}\n\nRun:\n\n    ${local.event_runs[each.key]}\n"

    dynamic "links" {
      for_each = var.alerts.runbook_url == null ? [] : ["${var.alerts.runbook_url}#${each.key}"]
      content {
        display_name = "Runbook: ${each.value.title}"
        url          = links.value
      }
    }
  }

  depends_on = [google_project_service.this]
}
