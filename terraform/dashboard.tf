# One dashboard: ages, sizes and durations of backups, verifications, drills, and the latest log entries.

locals {
  _panels = [
    { title = "Age of the newest backup, by kind (hours)", metric = "backup_age", by = ["database", "kind"], aligner = "ALIGN_PERCENTILE_99", scale = 3600, unit = "h" },
    { title = "Size of backups (MB)", metric = "backup_size", by = ["database", "kind"], aligner = "ALIGN_PERCENTILE_99", scale = 1000000, unit = "MB" },
    { title = "Duration of backups (seconds)", metric = "backup_duration", by = ["database", "kind"], aligner = "ALIGN_PERCENTILE_99", scale = 1, unit = "s" },
    { title = "Recovery time of drills (minutes)", metric = "recovery_duration", by = ["database"], aligner = "ALIGN_PERCENTILE_99", scale = 60, unit = "min" },
    { title = "Age of the data of drills (hours)", metric = "recovery_data_age", by = ["database"], aligner = "ALIGN_PERCENTILE_99", scale = 3600, unit = "h" },
  ]

  # Distributions are read with PromQL: the highest bucket with a value in the window.
  _panel_tiles = [
    for panel in local._panels : {
      title = panel.title
      xyChart = {
        dataSets = [{
          plotType       = "LINE"
          legendTemplate = join(" ", [for label in panel.by : "$${labels.${label}}"])
          timeSeriesQuery = {
            prometheusQuery = "histogram_quantile(0.99, sum by (le, ${join(", ", panel.by)}) (increase(${local.prom_metric[panel.metric]}_bucket{monitored_resource=\"cloud_run_job\"}[$${__interval}]))) / ${panel.scale}"
          }
        }]
        yAxis = { label = panel.unit, scale = "LINEAR" }
      }
    }
  ]

  _verdicts_tile = {
    title = "Verifications, drills and cleanups"
    xyChart = {
      # Log-based metrics can belong to several kinds of resources, so a query must name one.
      dataSets = [
        for resource in concat(["cloud_run_job"], length(local.arrival) == 0 ? [] : ["cloud_run_revision"]) : {
          plotType       = "STACKED_BAR"
          legendTemplate = "$${labels.event}"
          timeSeriesQuery = {
            prometheusQuery = "sum by (event) (increase(${local.prom_metric.events}{monitored_resource=\"${resource}\",event=~\"(verify|drill|cleanup|restore)[.].*\"}[$${__interval}]))"
          }
        }
      ]
      yAxis = { label = "events", scale = "LINEAR" }
    }
  }

  # Cycles without changes count too, because they advance the recovery point. A lower bar is a gap.
  _cycles_tile = {
    title = "Completed cycles of continuous backups"
    xyChart = {
      dataSets = [{
        plotType       = "STACKED_BAR"
        legendTemplate = "$${labels.database}"
        timeSeriesQuery = {
          prometheusQuery = "sum by (database) (increase(${local.prom_metric.backups}{monitored_resource=\"cloud_run_job\",kind=\"continuous\"}[$${__interval}]))"
        }
      }]
      yAxis = { label = "cycles", scale = "LINEAR" }
    }
  }

  _executions_tile = {
    title = "Executions, by job and result"
    xyChart = {
      dataSets = [{
        plotType       = "STACKED_BAR"
        legendTemplate = "$${labels.job_name} $${labels.result}"
        timeSeriesQuery = {
          prometheusQuery = "sum by (job_name, result) (increase(run_googleapis_com:job_completed_execution_count{monitored_resource=\"cloud_run_job\",job_name=~\"${var.name_prefix}-.*\"}[$${__interval}]))"
        }
      }]
      yAxis = { label = "executions", scale = "LINEAR" }
    }
  }

  _log_tile = {
    title = "What needs attention"
    logsPanel = {
      filter        = "${local.our_logs} AND severity>=WARNING"
      resourceNames = ["projects/${var.project_id}"]
    }
  }

  _tiles = concat(
    local._panel_tiles,
    var.continuous_every_minutes == null ? [] : [local._cycles_tile],
    [local._verdicts_tile, local._executions_tile, local._log_tile],
  )
}

resource "google_monitoring_dashboard" "this" {
  project = var.project_id
  dashboard_json = jsonencode({
    displayName = local.title_prefix
    labels      = { app = "", litekeep = "" }
    mosaicLayout = {
      columns = 48
      tiles = [
        # The API omits a value of 0, so a plan that set it would always differ.
        for number, widget in local._tiles : merge(
          { width = 24, height = 16, widget = widget },
          number % 2 == 0 ? {} : { xPos = 24 },
          number < 2 ? {} : { yPos = floor(number / 2) * 16 },
        )
      ]
    }
  })

  depends_on = [google_logging_metric.counter, google_logging_metric.distribution]
}
