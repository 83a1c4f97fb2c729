mock_provider "google" {
  override_during = plan
  source          = "./tests/mock"
}

variables {
  continuous_every_minutes = 3
  databases                = ["orders"]
}

run "every_job_has_its_schedule_image_account_and_settings" {
  command = plan

  assert {
    condition     = alltrue([for name, job in local.jobs : (job.schedule == null) != (job.on_demand == null)])
    error_message = "A job has neither a schedule nor a text about who starts it, or both."
  }
  assert {
    condition     = toset(keys(google_cloud_scheduler_job.this)) == toset([for name, job in local.jobs : name if job.schedule != null]) && toset(keys(google_cloud_run_v2_job.this)) == toset(keys(local.jobs))
    error_message = "A job that should be scheduled is not."
  }
  assert {
    condition     = toset([for name, job in local.jobs : job.schedule if job.schedule != null]) == toset(keys(local.schedules))
    error_message = "A schedule starts nothing."
  }
  assert {
    condition     = alltrue([for name, job in google_cloud_scheduler_job.this : job.schedule == local.schedules[local.jobs[name].schedule] && job.time_zone == "Etc/UTC" && job.retry_config[0].retry_count > 0])
    error_message = "A job does not start by its schedule in UTC, or a refused start is not retried."
  }
  assert {
    condition     = alltrue([for name, job in google_cloud_scheduler_job.this : job.http_target[0].uri == "https://run.googleapis.com/v2/projects/acme-prod/locations/europe-west1/jobs/litekeep-${name}:run" && job.http_target[0].http_method == "POST"])
    error_message = "A schedule starts another job than its own."
  }
  assert {
    condition     = length(output.jobs) == 10 && output.jobs["litekeep-backup-daily"] == "0 0 * * * (UTC)"
    error_message = "The output does not say when each job starts."
  }
  assert {
    condition = alltrue([for name, job in google_cloud_run_v2_job.this :
    job.template[0].template[0].service_account == "litekeep-${local.jobs[name].image}@acme-prod.iam.gserviceaccount.com" && job.template[0].template[0].containers[0].image == var.images[local.jobs[name].image]])
    error_message = "A job has another job's service account or image."
  }
  assert {
    condition     = jsonencode({ for name, job in google_cloud_run_v2_job.this : name => job.template[0].template[0].max_retries if contains(["restore", "cleanup"], name) }) == jsonencode({ cleanup = 0, restore = 0 })
    error_message = "A failed restore or cleanup would be retried automatically."
  }
  assert {
    condition     = alltrue([for job in google_cloud_run_v2_job.this : can(regex("^[1-9][0-9]*s$", job.template[0].template[0].timeout)) && job.template[0].template[0].timeout != "600s"])
    error_message = "A job has no timeout."
  }
  assert {
    condition     = alltrue([for name, job in google_cloud_run_v2_job.this : job.template[0].template[0].volumes[0].empty_dir[0].medium == "DISK" && job.template[0].template[0].containers[0].volume_mounts[0].mount_path == "/scratch" if contains(["backup", "restore", "verify"], local.jobs[name].image) && name != "restore-check"])
    error_message = "A job that unpacks databases has no disk and would use its memory."
  }
  assert {
    condition     = contains([for setting in google_cloud_run_v2_job.this["backup"].template[0].template[0].containers[0].env : "${setting.name}=${coalesce(setting.value, "-")}"], "TMPDIR=/scratch")
    error_message = "Temporary files are not written to the disk."
  }
  assert {
    condition = jsonencode({ for setting in google_cloud_run_v2_job.this["backup-daily"].template[0].template[0].containers[0].env : setting.name => setting.value }) == jsonencode({
      BACKUP_DATABASES      = "orders"
      BACKUP_FORMATS        = "sql,sqlite"
      BACKUP_KEY            = "gcp-kms://projects/acme-prod/locations/global/keyRings/litekeep-wrapping/cryptoKeys/wrapping"
      BACKUP_RETENTION      = "continuous=7d,daily=30d,weekly=90d,pre-deployment=30d,on-demand=30d,milestone=365d"
      BACKUP_SCHEDULES      = "continuous=*/3 * * * *;daily=0 0 * * *;weekly=0 0 * * 0"
      BACKUP_SKIP_UNCHANGED = "false"
      BACKUP_STORE          = "gs://acme-prod-litekeep"
      DATABASE_URL          = null
      ENVIRONMENT           = "production"
      LOG_FORMAT            = "json"
      SQLITE_TMPDIR         = "/scratch"
      TMPDIR                = "/scratch"
    })
    error_message = "The backup job's settings differ from the contract."
  }
  assert {
    condition = jsonencode({ for name, job in google_cloud_run_v2_job.this : name => [
      for setting in job.template[0].template[0].containers[0].env : "${setting.value_source[0].secret_key_ref[0].secret}@${setting.value_source[0].secret_key_ref[0].version}" if setting.name == "DATABASE_URL"
      ] }) == jsonencode({
      backup            = ["litekeep-source-url@latest"]
      backup-continuous = ["litekeep-source-url@latest"]
      backup-daily      = ["litekeep-source-url@latest"]
      backup-weekly     = ["litekeep-source-url@latest"]
      cleanup           = []
      drill             = []
      monitor           = []
      restore           = ["litekeep-target-url@1"]
      restore-check     = ["litekeep-target-url@1"]
      verify            = []
    })
    error_message = "A job has a connection string that it does not need, or lacks one."
  }
  assert {
    condition = jsonencode([
      google_cloud_run_v2_job.this["backup-continuous"].template[0].template[0].max_retries,
      google_cloud_run_v2_job.this["backup-continuous"].template[0].template[0].containers[0].resources[0].limits.cpu,
      google_cloud_run_v2_job.this["backup-continuous"].template[0].template[0].containers[0].resources[0].limits.memory,
      google_cloud_run_v2_job.this["backup-continuous"].template[0].template[0].volumes[0].empty_dir[0].size_limit,
    ]) == jsonencode([0, "1", "1Gi", "10Gi"])
    error_message = "The job for cycles, which starts hundreds of times a day, has the wrong size."
  }
  assert {
    condition     = length(google_secret_manager_secret.drill_checks) == 0 && !contains([for setting in google_cloud_run_v2_job.this["drill"].template[0].template[0].containers[0].env : setting.name], "BACKUP_DRILL_SQL")
    error_message = "The drill has a setting for checks although there are none."
  }
  assert {
    condition     = alltrue([for name, job in google_cloud_run_v2_job.this : contains([for setting in job.template[0].template[0].containers[0].env : setting.name], "BACKUP_KEY") == (name != "cleanup")])
    error_message = "Cleanup has BACKUP_KEY, or another job lacks it."
  }
}

run "schedule_off_removes_job_alert_and_age" {
  command = plan

  variables {
    schedules                = { daily = "30 1,13 * * *" }
    continuous_every_minutes = null
  }

  assert {
    condition     = !contains(keys(google_cloud_run_v2_job.this), "backup-continuous") && !contains(keys(google_cloud_scheduler_job.this), "backup-continuous") && !contains(keys(google_monitoring_alert_policy.silence), "silent-continuous")
    error_message = "A job or alert for continuous backups still exists."
  }
  assert {
    condition     = local.env.monitor.BACKUP_SCHEDULES == "daily=30 1,13 * * *;weekly=0 0 * * 0" && google_cloud_scheduler_job.this["backup-daily"].schedule == "30 1,13 * * *"
    error_message = "Scheduler and monitor use different schedules."
  }
}

run "drill_checks_and_skip_unchanged_reach_the_jobs" {
  command = plan

  variables {
    drill_checks   = "-- name: somebody is there\n-- expect: > 0\nselect count(*) from users"
    skip_unchanged = true
  }

  assert {
    condition     = jsonencode([for name, job in google_cloud_run_v2_job.this : name if anytrue([for setting in job.template[0].template[0].containers[0].env : setting.name == "BACKUP_DRILL_SQL" && setting.value == "/etc/litekeep/drill/checks.sql"])]) == jsonencode(["drill"])
    error_message = "The drill lacks the path of the checks, or another job has it."
  }
  assert {
    condition = anytrue([for volume in google_cloud_run_v2_job.this["drill"].template[0].template[0].volumes :
    try(volume.secret[0].secret == "litekeep-drill-checks" && volume.secret[0].items[0].path == "checks.sql", false)]) && contains([for mount in google_cloud_run_v2_job.this["drill"].template[0].template[0].containers[0].volume_mounts : mount.mount_path], "/etc/litekeep/drill")
    error_message = "The file of checks is not at the path in the drill's setting."
  }
  assert {
    condition     = google_secret_manager_secret_iam_member.drill_checks["on"].member == google_service_account.job["verify"].member && google_secret_manager_secret_version.drill_checks["on"].secret_data == var.drill_checks
    error_message = "The drill may not read the checks, or their text differs."
  }
  assert {
    condition     = local.env.backup.BACKUP_SKIP_UNCHANGED == "true" && alltrue([for image, settings in local.env : !contains(keys(settings), "BACKUP_SKIP_UNCHANGED") if image != "backup"])
    error_message = "The backup jobs do not skip unchanged databases."
  }
}

run "without_images_jobs_and_their_alerts_are_missing" {
  command = plan

  variables {
    images       = null
    without_jobs = true
  }

  assert {
    condition     = length(google_cloud_run_v2_job.this) + length(google_cloud_scheduler_job.this) + length(google_monitoring_alert_policy.event) + length(google_monitoring_alert_policy.silence) == 0
    error_message = "Jobs exist without images, or alerts on jobs that cannot run yet."
  }
  assert {
    condition     = strcontains(output.next_steps, "gcloud secrets versions add litekeep-source-url") && strcontains(output.next_steps, "make push\n") && length(google_storage_bucket.store) == 1
    error_message = "The output of the first apply does not name the second."
  }
}

run "verification_on_arrival_is_in_the_buckets_location" {
  command = plan

  variables {
    verify_on_arrival = {}
  }

  assert {
    condition     = jsonencode({ for criterion in google_eventarc_trigger.arrival["on"].matching_criteria : criterion.attribute => criterion.value }) == jsonencode({ bucket = "acme-prod-litekeep", type = "google.cloud.storage.object.v1.finalized" })
    error_message = "The trigger does not react to exactly the new objects of the bucket."
  }
  assert {
    condition     = google_eventarc_trigger.arrival["on"].location == "europe-west1" && google_eventarc_trigger.arrival["on"].destination[0].cloud_run_service[0].service == "litekeep-verify-on-arrival"
    error_message = "The trigger is not in the bucket's location, or calls another service."
  }
}

run "quotes_in_names_are_escaped_in_the_environment_output" {
  command = plan

  variables {
    databases = ["a';touch$${IFS}x;'"]
  }

  assert {
    condition     = strcontains(output.environment, "export BACKUP_DATABASES='a'\\'';touch$${IFS}x;'\\'''") && !strcontains(output.environment, "'a';")
    error_message = "A database's name would run as a command in `eval`."
  }
}
