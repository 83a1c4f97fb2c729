# Cloud Scheduler only starts jobs. Its success only means that an execution was created, and it may start one slot twice.
# So each job claims its slot, and alerts use the jobs' logs, or their absence.

locals {
  scheduled_jobs = { for name, job in local.jobs : name => local.schedules[job.schedule] if job.schedule != null }
}

resource "google_cloud_scheduler_job" "this" {
  for_each = local.scheduled_jobs

  project     = var.project_id
  name        = "${var.name_prefix}-${each.key}"
  region      = local.scheduler_location
  description = "Starts the Cloud Run job ${var.name_prefix}-${each.key}"
  schedule    = each.value
  time_zone   = "Etc/UTC" # in other zones a slot can occur twice or never when the clocks change

  http_target {
    http_method = "POST"
    uri         = "https://run.googleapis.com/v2/projects/${var.project_id}/locations/${var.region}/jobs/${google_cloud_run_v2_job.this[each.key].name}:run"

    oauth_token {
      service_account_email = google_service_account.scheduler.email
    }
  }

  retry_config {
    retry_count          = 3
    min_backoff_duration = "10s"
    max_backoff_duration = "60s"
  }

  depends_on = [google_cloud_run_v2_job_iam_member.scheduler]
}

resource "google_cloud_run_v2_job_iam_member" "scheduler" {
  for_each = local.scheduled_jobs

  project  = var.project_id
  name     = google_cloud_run_v2_job.this[each.key].name
  location = var.region
  role     = "roles/run.jobsExecutor"
  member   = google_service_account.scheduler.member
}
