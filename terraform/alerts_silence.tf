# Alerts on missing log entries, and on runs that ended without one. Absence conditions do not work here: they look back
# at most 23.5 hours, and only if there was data before. PromQL fires from the first minute.

locals {
  # One alert per database if `databases` names them, otherwise one for all of them.
  _named_databases = contains(var.databases, "*") ? [] : sort(var.databases)

  _backups = { for kind in keys(local.scheduled_kinds) : kind => "monitored_resource=\"cloud_run_job\",kind=\"${kind}\"" }
  _missing_backups = {
    for kind, match in local._backups : kind => concat(
      ["sum by (database) (increase(${local.prom_metric.backups}{${match}}[${var.alerts.stale_after[kind]}])) < 0.5"],
      length(local._named_databases) == 0
      ? ["absent_over_time(${local.prom_metric.backups}{${match}}[${var.alerts.stale_after[kind]}])"]
      : [for database in local._named_databases : "absent_over_time(${local.prom_metric.backups}{${match},database=\"${database}\"}[${var.alerts.stale_after[kind]}])"],
    )
  }

  _stale_alerts = {
    for kind, missing in local._missing_backups : "silent-${kind}" => {
      title    = kind == "continuous" ? "Recovery point beyond its target" : "No ${kind} backup for ${var.alerts.stale_after[kind]}"
      severity = "CRITICAL"
      query    = join(" or ", missing)
      means    = "No ${kind} backup was reported for ${var.alerts.stale_after[kind]}${kind == "continuous" ? ", so a loss now would cost more than the target of 5 minutes" : ""}. After a first deployment this fires until the first backup has succeeded: the commands of next_steps take it at once."
      run      = "${local._execute["backup-${kind}"]}\n    # Does the schedule start it?\n    gcloud scheduler jobs describe ${var.name_prefix}-backup-${kind} --project=${var.project_id} --location=${local.scheduler_location}"
    }
  }

  _events = "${local.prom_metric.events}{monitored_resource=\"cloud_run_job\""
  silence_alerts = merge(local._stale_alerts, {
    silent-monitor = {
      title    = "Monitor is silent"
      severity = "CRITICAL"
      query    = "absent_over_time(${local._events},event=~\"monitor[.].*\"}[3h]) or sum(increase(${local._events},event=~\"monitor[.].*\"}[3h])) < 0.5"
      means    = "The hourly monitor has logged nothing for three hours. Until it runs again, a missing alert means nothing. After a first deployment this fires until its first run."
      run      = local._execute.monitor
    }
    }, contains(keys(local.schedules), "cleanup") ? {
    silent-cleanup = {
      title    = "Cleanup is silent"
      severity = "WARNING"
      query    = "absent_over_time(${local._events},event=~\"cleanup[.].*\"}[192h]) or sum(increase(${local._events},event=~\"cleanup[.].*\"}[192h])) < 0.5"
      means    = "Retention has not been applied for eight days. Nothing is lost, but storage grows. After a first deployment this fires until the first cleanup, at most a day."
      run      = "${local._execute.cleanup} --args=--dry-run"
    }
  } : {})
}

resource "google_monitoring_alert_policy" "silence" {
  for_each = { for name, alert in local.silence_alerts : name => alert if local.alerts_on }

  project               = var.project_id
  display_name          = "${local.title_prefix}: ${each.value.title}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = local.notification_channels
  user_labels           = local.labels

  conditions {
    display_name = each.value.title
    condition_prometheus_query_language {
      query                     = each.value.query
      duration                  = "60s"
      evaluation_interval       = "60s"
      disable_metric_validation = true # the metric has no data before the first run
    }
  }

  alert_strategy {
    auto_close           = "86400s"
    notification_prompts = ["OPENED", "CLOSED"]
  }

  documentation {
    mime_type = "text/markdown"
    subject   = "${local.title_prefix} ${var.environment}: ${each.value.title}"
    content   = "${each.value.means}\n\nRun:\n\n    ${each.value.run}\n"

    dynamic "links" {
      for_each = var.alerts.runbook_url == null ? [] : ["${var.alerts.runbook_url}#${each.key}"]
      content {
        display_name = "Runbook: ${each.value.title}"
        url          = links.value
      }
    }
  }

  depends_on = [google_logging_metric.counter]
}

# Cloud Run's own count also covers tasks that were killed (memory, timeout) before they could log anything.
resource "google_monitoring_alert_policy" "crash" {
  count = local.alerts_on ? 1 : 0

  project               = var.project_id
  display_name          = "${local.title_prefix}: Job execution failed"
  combiner              = "OR"
  severity              = "ERROR"
  notification_channels = local.notification_channels
  user_labels           = local.labels

  conditions {
    display_name = "An execution ended as failed"
    condition_threshold {
      filter          = "metric.type=\"run.googleapis.com/job/completed_execution_count\" AND resource.type=\"cloud_run_job\" AND metric.labels.result=\"failed\" AND resource.labels.job_name=starts_with(\"${var.name_prefix}-\")"
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "0s"

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
        group_by_fields      = ["resource.label.job_name"]
      }
    }
  }

  alert_strategy {
    auto_close = "86400s"
  }

  documentation {
    mime_type = "text/markdown"
    subject   = "${local.title_prefix} ${var.environment}: job execution failed"
    content   = "An execution of $${resource.label.job_name} failed after all retries. If no other alert says why, it was killed (out of memory, or over its timeout) or started with a wrong flag or setting. Its log says which.\n\nRun:\n\n    gcloud run jobs executions list --job=$${resource.label.job_name} --project=${var.project_id} --region=${var.region} --limit=3\n"
  }

  depends_on = [google_project_service.this]
}
