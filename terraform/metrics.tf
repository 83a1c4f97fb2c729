# Log-based metrics for the alerts on silence and for the dashboard. Labels are few and bounded; with a backup's id, every
# backup would create a time series.

locals {
  # Log lines of this installation's jobs and service, and of machines that send theirs to its log (BACKUP_EVENTS).
  _run_logs = join(" AND ", [
    "resource.type=(\"cloud_run_job\" OR \"cloud_run_revision\")",
    "(resource.labels.job_name=~\"^${var.name_prefix}-\" OR resource.labels.service_name=~\"^${var.name_prefix}-\")",
  ])
  our_logs = "((${local._run_logs}) OR logName=\"projects/${var.project_id}/logs/${var.name_prefix}\")"

  _label_of = { database = "EXTRACT(jsonPayload.database)", event = "EXTRACT(jsonPayload.event)", kind = "EXTRACT(jsonPayload.kind)" }

  _counters = {
    backups = {
      about  = "Schedule slots that ended with an up-to-date backup"
      filter = "(jsonPayload.event=\"backup.succeeded\" OR (jsonPayload.event=\"backup.skipped\" AND jsonPayload.reason=\"unchanged\"))"
      labels = ["database", "kind"]
    }
    events = {
      about  = "All events of the jobs"
      filter = "jsonPayload.event:*"
      labels = ["database", "event", "kind"]
    }
  }

  _distributions = {
    backup_age         = { about = "Age of the newest backup", event = "monitor.age", field = "age_seconds", unit = "s" }
    backup_duration    = { about = "Duration of backups", event = "backup.succeeded", field = "duration_seconds", unit = "s" }
    backup_size        = { about = "Size of backups", event = "backup.succeeded", field = "size_bytes", unit = "By" }
    recovery_data_age  = { about = "Age of the data of drills", event = "drill.succeeded", field = "data_age_seconds", unit = "s" }
    recovery_duration  = { about = "Recovery time of drills", event = "drill.succeeded", field = "recovery_seconds", unit = "s" }
    restored_durations = { about = "Duration of restores", event = "restore.succeeded", field = "duration_seconds", unit = "s" }
  }

  metric_type = { for name in concat(keys(local._counters), keys(local._distributions)) : name => "logging.googleapis.com/user/${local.name_id}_${name}" }
  # In PromQL names the first slash becomes a colon, and characters that are not allowed become underscores.
  prom_metric = { for name, type in local.metric_type : name => replace(replace(replace(type, "/^([^/]+)//", "$1:"), ".", "_"), "/", "_") }
}

resource "google_logging_metric" "counter" {
  for_each = local._counters

  project          = var.project_id
  name             = "${local.name_id}_${each.key}"
  description      = each.value.about
  filter           = "${local.our_logs} AND ${each.value.filter}"
  label_extractors = { for label in each.value.labels : label => local._label_of[label] }

  metric_descriptor {
    metric_kind  = "DELTA"
    value_type   = "INT64"
    unit         = "1"
    display_name = each.value.about

    dynamic "labels" {
      for_each = toset(each.value.labels)
      content {
        key         = labels.value
        value_type  = "STRING"
        description = "As in the log line"
      }
    }
  }

  depends_on = [google_project_service.this]
}

resource "google_logging_metric" "distribution" {
  for_each = local._distributions

  project          = var.project_id
  name             = "${local.name_id}_${each.key}"
  description      = each.value.about
  filter           = "${local.our_logs} AND jsonPayload.event=\"${each.value.event}\""
  value_extractor  = "EXTRACT(jsonPayload.${each.value.field})"
  label_extractors = { for label in ["database", "kind"] : label => local._label_of[label] }

  metric_descriptor {
    metric_kind  = "DELTA"
    value_type   = "DISTRIBUTION"
    unit         = each.value.unit
    display_name = each.value.about

    dynamic "labels" {
      for_each = toset(["database", "kind"])
      content {
        key         = labels.value
        value_type  = "STRING"
        description = "As in the log line"
      }
    }
  }

  bucket_options {
    exponential_buckets {
      num_finite_buckets = 120
      growth_factor      = 1.3 # from 1 to above 10^13, for bytes and for seconds
      scale              = 1
    }
  }

  depends_on = [google_project_service.this]
}
