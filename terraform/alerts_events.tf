# Alerts on what the jobs log. Each names events of shared/events/events.json, and what to do.

locals {
  # Commands that the alerts' texts end with. All run anywhere but `make`, which is for a clone with its variable file.
  _deploy  = "make deploy PROJECT=${var.project_id}"
  _execute = { for job in keys(local._jobs) : job => "gcloud run jobs execute ${var.name_prefix}-${job} --project=${var.project_id} --region=${var.region} --wait" }
  _local   = "BACKUP_STORE=${local.store_url} BACKUP_KEY=gcp-kms://${google_kms_crypto_key.wrapping.id} litekeep"
  _logs    = { for job in keys(local._jobs) : job => "gcloud logging read 'resource.labels.job_name=\"${var.name_prefix}-${job}\" AND severity>=WARNING' --project=${var.project_id} --freshness=1d --format='value(jsonPayload.message)'" }

  event_alerts = {
    audit-gap = {
      title    = "Audit trail not whole"
      severity = "ERROR"
      events   = ["audit.gap"]
      where    = null
      means    = "An event could not be stored in the audit trail, or an object of it was removed, changed or added with an old date, or checkpoints are not as the monitor made them. Find out who can write to the bucket, or delete there."
      run      = "${local._local} audit verify   # who: gcloud logging read 'protoPayload.methodName=(\"storage.objects.delete\" OR \"storage.objects.create\")' --project=${var.project_id} --freshness=2d"
    }
    backup-failed = {
      title    = "Backup failed"
      severity = "ERROR"
      events   = ["backup.failed"]
      where    = null
      means    = "A run ended without a backup, or without its copy. Cloud Run tries again by itself; the next slot is another chance. Repeated failures lengthen the time that a loss would cost."
      run      = ["# Why:", local._logs.backup, "# Once that is fixed:", local._execute.backup]
    }
    backup-slow = {
      title    = "Backup close to its timeout"
      severity = "WARNING"
      events   = ["backup.succeeded"]
      where    = "jsonPayload.duration_seconds>${floor(local.sizes.backup.timeout_minutes * 60 * var.alerts.slow_percent / 100)}"
      means    = "A backup took more than ${var.alerts.slow_percent} % of its timeout of ${local.sizes.backup.timeout_minutes} minutes. Soon one will be cut off."
      run = [
        "# In the variable file, beside what else job_sizes.backup has: timeout_minutes = ${min(1440, local.sizes.backup.timeout_minutes * 2)}, or more cpu. Then:",
        local._deploy,
      ]
    }
    backup-stale = {
      title    = "Backup overdue"
      severity = "CRITICAL"
      events   = ["monitor.stale"]
      where    = null
      means    = "The monitor finds in the store no backup of this kind and database that is as new as the schedule promises. It goes by what is stored, not by what jobs said."
      run      = ["# Or the kind that is named above:", "${local._execute.backup} --args=--kind=daily"]
    }
    backup-vanished = {
      title    = "Backup gone without a deletion"
      severity = "CRITICAL"
      events   = ["monitor.backup_vanished"]
      where    = null
      means    = "A backup that was stored at the last checkpoint is gone, and no cleanup and nobody's delete removed it: a lifecycle rule, or somebody with rights on the bucket. Deleted objects can be brought back for ${var.bucket.soft_delete_days} days, and the copy store may have it."
      run      = "gcloud storage ls --soft-deleted --recursive ${local.store_url}   # bring one back: gcloud storage restore URL#GENERATION"
    }
    break-glass = {
      title    = "Break glass: an offline key approved alone"
      severity = "CRITICAL"
      events   = ["restore.break_glass"]
      where    = null
      means    = "What needs two persons was approved by one of the keys that are kept offline, or is being carried out so. If nobody of you did that, refuse the request at once, and change the policy."
      run      = ["${local._local} requests", "${local._local} refuse ID --reason 'not asked for'"]
    }
    cleanup-attention = {
      title    = "Cleanup needs a look"
      severity = "WARNING"
      events   = ["cleanup.attention"]
      where    = null
      means    = "A cleanup kept backups past their time, for a reason that a person should know: newer ones fail or are not verified, a manifest cannot be read, the store left objects out of a listing. Nothing is lost; the bucket grows."
      run      = "${local._execute.cleanup} --args=--dry-run"
    }
    cleanup-failed = {
      title    = "Cleanup failed"
      severity = "WARNING"
      events   = ["cleanup.failed"]
      where    = null
      means    = "Old backups were not, or not all, deleted. Nothing is lost; storage grows."
      run      = "${local._execute.cleanup} --args=--dry-run"
    }
    cleanup-large = {
      title    = "Cleanup deleted unusually much"
      severity = "CRITICAL"
      events   = ["cleanup.succeeded"]
      where    = "jsonPayload.deleted_percent>${var.alerts.cleanup_percent}"
      means    = "One cleanup deleted more than ${var.alerts.cleanup_percent} % of a database's backups: a retention made shorter, a schedule that stood still, or someone's hand. Deleted objects can be brought back for ${var.bucket.soft_delete_days} days."
      run      = ["gcloud storage ls --soft-deleted --recursive ${local.store_url}", "# Bring one back, by the address that the listing shows:", "gcloud storage restore '${local.store_url}/OBJECT#GENERATION'"]
    }
    copy-behind = {
      title    = "Copy store behind"
      severity = "ERROR"
      events   = ["monitor.copy_behind", "copy.failed"]
      where    = null
      means    = "Backups are missing in the second region. A loss of the first region would take them."
      run      = "gcloud storage rsync --recursive --no-clobber ${local.store_url} ${coalesce(local.copy_url, "gs://COPY-BUCKET")}"
    }
    dated-in-future = {
      title    = "Backup dated in the future"
      severity = "WARNING"
      events   = ["monitor.future"]
      where    = null
      means    = "A clock was wrong when this backup was taken, or is now. It counts as no backup until its time has come, and retention does not touch it."
      run      = ["${local._local} list", "# Whose clock was it? Once that is right:", local._execute.backup]
    }
    drill-failed = {
      title    = "Restore drill failed"
      severity = "CRITICAL"
      events   = ["drill.failed"]
      where    = null
      means    = "A backup could not be brought back as good data within its target. Treat it as if a restore had failed: it would have."
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
      means    = "The next backup will fail, or kept backups cannot be opened: their key is not the configured one, or the key's versions are gone or disabled. A version scheduled for destruction can be brought back for 120 days."
      run      = local._key_commands
    }
    monitor-failed = {
      title    = "Monitor could not look at everything"
      severity = "ERROR"
      events   = ["monitor.failed", "monitor.notify_failed"]
      where    = null
      means    = "It could not look at everything, or could not tell whom it should. Until it can, silence says nothing."
      run      = ["# Why:", local._logs.monitor, "# Once that is fixed:", local._execute.monitor]
    }
    native-stale = {
      title    = "Platform's own backups behind"
      severity = "WARNING"
      events   = ["monitor.native_stale"]
      where    = null
      means    = "SQLite Cloud's own continuous backups of a database are on, and their newest point is over five minutes old while writes go on."
      run      = "${local._local} native status --watch 60"
    }
    not-sealed = {
      title    = "Verdict or mark without a true seal"
      severity = "CRITICAL"
      events   = ["monitor.not_sealed"]
      where    = null
      means    = "Somebody without the key wrote to the store that a backup was verified, or that a database is unchanged. It counts for nothing. Find out who can create objects there."
      run      = ["# Who wrote:", "gcloud logging read 'protoPayload.methodName=\"storage.objects.create\"' --project=${var.project_id} --freshness=7d", "# Verify all anew:", "${local._execute.verify} --args=--all,--again"]
    }
    request-approved = {
      title    = "Approved by a second person"
      severity = "WARNING"
      events   = ["request.approved"]
      where    = null
      means    = "What overwrites or deletes was asked for and approved. It can be carried out once within four hours. If either of the two did not do that, refuse it: a signing key is in other hands."
      run      = ["${local._local} requests", "${local._local} refuse ID --reason 'not asked for'"]
    }
    restore-check-failed = {
      title    = "A restore would not reach its target"
      severity = "ERROR"
      events   = ["restore.check_failed"]
      where    = null
      means    = "The monthly check by the restore job itself failed: the connection string of the target, its login or a privilege is not as a restore needs it. Nothing is lost; a restore now would fail."
      run      = ["# Why:", local._logs.restore-check, "# Once that is fixed (docs/deploy.md, Replacing a secret):", local._execute.restore-check]
    }
    restore-failed = {
      title    = "Restore failed"
      severity = "CRITICAL"
      events   = ["restore.failed"]
      where    = null
      means    = "A restore ended before its target was complete. What was there before is still there."
      run      = "${local._logs.restore}"
    }
    restore-started = {
      title    = "Restore started"
      severity = "WARNING"
      events   = ["restore.started"]
      where    = null
      means    = "Someone is restoring a backup. If nobody announced it, find out who."
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
      means    = "A backup is over 50 % larger or smaller than the last seven, in bytes or rows. It may be a migration, or data that is gone. Hold the last good one before retention takes it."
      run      = ["${local._local} list", "${local._local} hold ID --reason 'size anomaly'"]
    }
    store-unwritable = {
      title    = "Store takes no objects"
      severity = "CRITICAL"
      events   = ["monitor.store_unwritable"]
      where    = null
      means    = "The next backup will fail. Rights, the storage key or a quota have changed."
      run      = "${local._local} health"
    }
    source-damaged = {
      title    = "The database itself is damaged"
      severity = "WARNING"
      events   = ["source.damaged"]
      where    = null
      means    = "The backup is faithful, and SQLite's full check finds damage in the database that it was taken of. The line says what repairs it there."
      run      = "${local._local} status"
    }
    table-vanished = {
      title    = "Table vanished"
      severity = "WARNING"
      events   = ["monitor.table_vanished"]
      where    = null
      means    = "The newest backup lacks a table that the one before it had: a migration, or a loss."
      run      = ["${local._local} list", "${local._local} restore --backup ID --table TABLE --to FILE"]
    }
    unverified = {
      title    = "Backup not verified for a day"
      severity = "WARNING"
      events   = ["monitor.unverified"]
      where    = null
      means    = "A backup that nobody has proven is a hope. The verification does not run, or does not keep up."
      run      = "${local._execute.verify}"
    }
    wrong-usage = {
      title    = "Verification or drill asked for wrongly"
      severity = "WARNING"
      events   = ["drill.refused", "verify.refused"]
      where    = null
      means    = "A verification or drill was started with a wrong flag or setting, so none was begun. That says nothing of any backup; but if it was the scheduled one, nothing is proven until it is mended."
      run      = [local._logs.verify, "# Of a drill:", local._logs.drill]
    }
    verify-failed = {
      title    = "Backup is not good"
      severity = "CRITICAL"
      events   = ["verify.failed", "monitor.not_good"]
      where    = null
      means    = "A backup did not pass its verification, or could not be verified. Take another one now; keep the bad one for the cause."
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
