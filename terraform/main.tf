# No provider is configured here, and every resource names its project, so that other configurations can use this module.
data "google_project" "this" {
  project_id = var.project_id
}

# The provider reads the project through this API after enabling any other API.
resource "google_project_service" "resource_manager" {
  project            = var.project_id
  service            = "cloudresourcemanager.googleapis.com"
  disable_on_destroy = false
}

resource "google_project_service" "this" {
  for_each = toset(concat(
    [
      "artifactregistry.googleapis.com",
      "cloudkms.googleapis.com",
      "cloudscheduler.googleapis.com",
      "iam.googleapis.com",
      "logging.googleapis.com",
      "monitoring.googleapis.com",
      "run.googleapis.com",
      "secretmanager.googleapis.com",
      "storage.googleapis.com",
    ],
    var.console == null ? [] : ["iap.googleapis.com"],
    var.cloud_build == null ? [] : ["cloudbuild.googleapis.com"],
    var.network == null ? [] : ["compute.googleapis.com"],
    var.budget == null ? [] : ["billingbudgets.googleapis.com"],
    var.verify_on_arrival == null ? [] : ["eventarc.googleapis.com", "pubsub.googleapis.com"],
  ))

  project            = var.project_id
  service            = each.value
  disable_on_destroy = false # other users of the project may need it

  depends_on = [google_project_service.resource_manager]
}

locals {
  # The list of events, shared with the code.
  events = jsondecode(file("${path.module}/../shared/events/events.json")).events

  labels = merge(var.labels, { app = "litekeep", environment = var.environment })

  # Names of metrics and custom roles may not contain hyphens.
  name_id = replace(var.name_prefix, "-", "_")

  kinds = ["continuous", "daily", "weekly", "pre-deployment", "on-demand", "milestone"]

  _kept_days = {
    continuous     = 7
    daily          = var.environment == "production" ? 30 : 7
    weekly         = var.environment == "production" ? 90 : 7
    pre-deployment = 30
    on-demand      = 30
    milestone      = 365
  }
  _kept_days_wanted = {
    continuous     = var.retention_days.continuous
    daily          = var.retention_days.daily
    weekly         = var.retention_days.weekly
    pre-deployment = var.retention_days.pre_deployment
    on-demand      = var.retention_days.on_demand
    milestone      = var.retention_days.milestone
  }
  retention_days = { for kind in local.kinds : kind => coalesce(local._kept_days_wanted[kind], local._kept_days[kind]) }

  _schedules = {
    cleanup       = var.schedules.cleanup
    continuous    = var.continuous_every_minutes == null ? "off" : "*/${var.continuous_every_minutes} * * * *"
    daily         = var.schedules.daily
    drill         = var.schedules.drill
    monitor       = var.schedules.monitor
    restore-check = var.schedules.restore_check
    verify        = var.schedules.verify == "20 */6 * * *" && var.continuous_every_minutes != null ? "20 * * * *" : var.schedules.verify
    weekly        = var.schedules.weekly
  }
  # The title of each alert, dashboard and channel; the prefix distinguishes several installations in one project.
  title_prefix = var.name_prefix == "litekeep" ? "Litekeep" : "Litekeep (${var.name_prefix})"

  scheduler_location = coalesce(var.scheduler_region, var.region)

  schedules = { for name, cron in local._schedules : name => cron if cron != "off" }

  # The schedules used by BACKUP_SCHEDULES, the alerts on age and the dashboard.
  scheduled_kinds = { for kind in local.kinds : kind => local.schedules[kind] if contains(keys(local.schedules), kind) }
}
