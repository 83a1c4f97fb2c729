mock_provider "google" {
  override_during = plan
  source          = "./tests/mock"
}

variables {
  continuous_every_minutes = 3
  databases                = ["customers", "orders"]
}

run "every_alert_can_fire_and_says_what_to_do" {
  command = plan

  assert {
    condition     = alltrue([for alert in local.event_alerts : length(setsubtract(alert.events, keys(local.events))) == 0])
    error_message = "An alert names an event that shared/events/events.json does not have, so it can never fire."
  }
  assert {
    condition = alltrue([for alert in local.event_alerts : alltrue([
      for event in alert.events : length(setsubtract([for found in regexall("jsonPayload[.]([a-z_]+)", coalesce(alert.where, "-")) : found[0]], local.events[event].required)) == 0
    ])])
    error_message = "An alert uses a field that its event does not require."
  }
  assert {
    condition     = alltrue([for name, policy in google_monitoring_alert_policy.event : policy.conditions[0].condition_matched_log[0].filter == output.alert_filters[name]])
    error_message = "An alert uses another filter than the tested one."
  }
  assert {
    condition     = alltrue([for metric in local._distributions : contains(local.events[metric.event].required, metric.field)])
    error_message = "A metric uses a field that its event does not require."
  }
  assert {
    # Events of severity WARNING and above have an alert, routine events have none.
    condition     = length(setsubtract([for name, event in local.events : name if contains(["EMERGENCY", "CRITICAL", "ERROR", "WARNING"], event.severity)], flatten([for alert in local.event_alerts : alert.events]))) == 0
    error_message = "An event of severity WARNING or ERROR has no alert."
  }
  assert {
    condition     = contains(local.event_alerts.restore-started.events, "restore.started") && local.event_alerts.restore-started.where == null
    error_message = "A restore can start without a notification."
  }
  assert {
    condition = alltrue([for policy in concat(values(google_monitoring_alert_policy.event), values(google_monitoring_alert_policy.silence), values(google_monitoring_alert_policy.change), google_monitoring_alert_policy.crash) :
    length(policy.notification_channels) == 1 && can(regex("Run:\n\n    (#[^\n]*\n    )?(gcloud|make|BACKUP_STORE=)", policy.documentation[0].content)) && length(policy.documentation[0].content) <= 8192])
    error_message = "An alert has no channel, or does not say which command to run."
  }
  assert {
    condition     = alltrue([for policy in concat(values(google_monitoring_alert_policy.event), values(google_monitoring_alert_policy.change)) : policy.alert_strategy[0].notification_rate_limit[0].period == "300s"])
    error_message = "An alert on logs has no rate limit: Cloud Monitoring refuses it."
  }
  assert {
    condition     = jsonencode(keys(google_monitoring_alert_policy.silence)) == jsonencode(["silent-cleanup", "silent-continuous", "silent-daily", "silent-monitor", "silent-weekly"])
    error_message = "A scheduled kind, the monitor or cleanup can stop without an alert."
  }
  assert {
    condition = google_monitoring_alert_policy.silence["silent-daily"].conditions[0].condition_prometheus_query_language[0].query == join(" or ", [
      "sum by (database) (increase(logging_googleapis_com:user_litekeep_backups{monitored_resource=\"cloud_run_job\",kind=\"daily\"}[25h])) < 0.5",
      "absent_over_time(logging_googleapis_com:user_litekeep_backups{monitored_resource=\"cloud_run_job\",kind=\"daily\",database=\"customers\"}[25h])",
      "absent_over_time(logging_googleapis_com:user_litekeep_backups{monitored_resource=\"cloud_run_job\",kind=\"daily\",database=\"orders\"}[25h])",
    ])
    error_message = "Daily backups, or those of one database, can be missing for 25 hours without an alert."
  }
  assert {
    condition     = strcontains(google_monitoring_alert_policy.silence["silent-continuous"].conditions[0].condition_prometheus_query_language[0].query, "[10m]")
    error_message = "The recovery point can exceed its target without an alert."
  }
  assert {
    condition     = alltrue([for policy in google_monitoring_alert_policy.silence : policy.conditions[0].condition_prometheus_query_language[0].disable_metric_validation])
    error_message = "The alert could not be created before the first run, because its metric has no data yet."
  }
  assert {
    condition     = google_logging_metric.counter["backups"].name == "litekeep_backups" && google_logging_metric.counter["events"].name == "litekeep_events" && strcontains(google_logging_metric.counter["backups"].filter, "\"backup.succeeded\"")
    error_message = "A query uses a metric that does not exist."
  }
  assert {
    condition     = alltrue([for metric in concat(values(google_logging_metric.counter), values(google_logging_metric.distribution)) : toset([for label in metric.metric_descriptor[0].labels : label.key]) == toset(keys(metric.label_extractors)) && !contains(keys(metric.label_extractors), "backup_id")])
    error_message = "A metric's label is not extracted, or creates a time series for each backup."
  }
  assert {
    condition     = jsonencode(keys(google_project_iam_audit_config.this)) == jsonencode(["cloudkms.googleapis.com", "run.googleapis.com", "secretmanager.googleapis.com", "storage.googleapis.com"]) && alltrue([for service, config in google_project_iam_audit_config.this : toset([for log in config.audit_log_config : log.log_type]) == toset(service == "run.googleapis.com" ? ["DATA_WRITE"] : ["ADMIN_READ", "DATA_READ", "DATA_WRITE"])])
    error_message = "Reads of buckets, keys or secrets, or starts of jobs, are not logged."
  }
  assert {
    condition     = google_logging_project_bucket_config.audit.retention_days == 400 && !google_logging_project_bucket_config.audit.locked
    error_message = "The audit logs are kept too short, or locked by default."
  }
  assert {
    condition     = google_logging_project_sink.audit.destination == "logging.googleapis.com/projects/acme-prod/locations/europe-west1/buckets/litekeep-audit" && strcontains(google_logging_project_sink.audit.filter, "gcs_bucket") && strcontains(google_logging_project_sink.audit.filter, "cloud_run_job")
    error_message = "The sink has another destination, or its filter leaves something out."
  }
  assert {
    condition     = jsonencode(keys(google_monitoring_alert_policy.change)) == jsonencode(["access-changed", "audit-changed", "bucket-changed", "identity-changed", "job-changed", "key-changed", "not-started", "watch-changed"])
    error_message = "A change to keys, buckets or the audit logs raises no alert."
  }
  assert {
    condition     = length(jsondecode(google_monitoring_dashboard.this.dashboard_json).mosaicLayout.tiles) == 9
    error_message = "The dashboard lacks a panel."
  }
  assert {
    condition     = alltrue([for metric in ["backup_age", "backup_size", "backup_duration", "recovery_duration", "events"] : strcontains(google_monitoring_dashboard.this.dashboard_json, "user_litekeep_${metric}")])
    error_message = "A metric is on no panel."
  }
  assert {
    # Cloud Monitoring omits values of 0, so a plan with them would always differ; queries of log metrics name a resource.
    condition = alltrue([for tile in jsondecode(google_monitoring_dashboard.this.dashboard_json).mosaicLayout.tiles : try(tile.xPos, 24) != 0 && try(tile.yPos, 16) != 0]) && alltrue(flatten([
      for tile in jsondecode(google_monitoring_dashboard.this.dashboard_json).mosaicLayout.tiles : [for set in try(tile.widget.xyChart.dataSets, []) : strcontains(set.timeSeriesQuery.prometheusQuery, "monitored_resource=")]
    ]))
    error_message = "The dashboard would differ in every plan, or a panel's query names no resource."
  }
}

run "all_databases_are_monitored_without_names" {
  command = plan

  variables {
    databases = ["*"]
  }

  assert {
    condition     = endswith(google_monitoring_alert_policy.silence["silent-weekly"].conditions[0].condition_prometheus_query_language[0].query, " or absent_over_time(logging_googleapis_com:user_litekeep_backups{monitored_resource=\"cloud_run_job\",kind=\"weekly\"}[192h])")
    error_message = "With all databases, weekly backups can be missing without an alert."
  }
}
