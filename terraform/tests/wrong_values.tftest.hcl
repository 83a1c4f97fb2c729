# The variable's validation refuses a wrong value before anything is planned.

mock_provider "google" {
  override_during = plan
  source          = "./tests/mock"
}

run "invalid_values_are_refused" {
  command = plan

  variables {
    alerts          = { cleanup_percent = 0 }
    audit           = { retention_days = 1 }
    backup_formats  = ["csv"]
    bucket          = { dual_region = ["europe-west1"] }
    databases       = ["*", "orders"]
    drill_checks    = "checks.sql" # a file name instead of the text
    environment     = "prod"
    images          = { backup = "b:latest", cleanup = "c", monitor = "m", restore = "r", verify = "v" }
    job_sizes       = { backup = { cpu = 3 } }
    key             = { protection_level = "soft" }
    name_prefix     = "A prefix"
    network         = { network = "n", subnetwork = "s", egress = "all" }
    notifications   = {}
    operators       = { restore = ["allUsers"] }
    project_id      = "123456789"
    region          = "Europe"
    retention_days  = { daily = 0 }
    retention_lock  = { days = 0 }
    schedules       = { daily = "every day" }
    secret_versions = { target = "newest" }
  }

  expect_failures = [
    var.alerts, var.audit, var.backup_formats, var.bucket, var.databases, var.drill_checks, var.environment, var.images,
    var.job_sizes, var.key, var.name_prefix, var.network, var.notifications, var.operators, var.project_id, var.region,
    var.retention_days, var.retention_lock, var.schedules, var.secret_versions,
  ]
}

run "dangerous_values_are_refused" {
  command = plan

  variables {
    alerts            = { stale_after = { daily = "25d" } }
    bucket            = { backstop_days = 30 }
    databases         = ["or\"ders"]
    job_sizes         = { restore = { max_retries = 3 } }
    notifications     = { webhooks = { pager = "http://pager.example" } }
    operators         = { backups = ["group:dev@acme.example"] }
    schedules         = { drill = "0 3 1-7 * 0" } # not the first Sunday, but ten days a month
    verify_on_arrival = {}
    images = {
      backup  = "europe-west1-docker.pkg.dev/acme-prod/litekeep/backup@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
      cleanup = "europe-west1-docker.pkg.dev/acme-prod/litekeep/cleanup@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
      monitor = "europe-west1-docker.pkg.dev/acme-prod/litekeep/monitor@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
      restore = "europe-west1-docker.pkg.dev/acme-prod/litekeep/restore@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
      verify  = "europe-west1-docker.pkg.dev/acme-prod/litekeep/verify@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    }
  }

  expect_failures = [var.alerts, var.bucket, var.databases, var.job_sizes, var.notifications, var.operators, var.schedules, var.verify_on_arrival]
}

run "no_schedule_or_no_monitor_is_refused" {
  command = plan

  variables {
    bucket            = { soft_delete_days = 0 }
    databases         = [""]
    verify_on_arrival = { memory_gib = 1 }
    job_sizes         = { verify = { scratch_gib = 5 } }
    retention_days    = { weekly = 1.5 }
    schedules         = { daily = "off", weekly = "off", monitor = "off" }
  }

  expect_failures = [var.databases, var.job_sizes, var.retention_days, var.schedules, var.bucket, var.verify_on_arrival]
}

run "copy_in_the_same_location_is_refused" {
  command = plan

  variables {
    copy_store = { location = "EUROPE-WEST1" }
  }

  expect_failures = [var.copy_store]
}

run "unsupported_job_size_is_refused" {
  command = plan

  variables {
    job_sizes = { monitor = { cpu = 1, memory_gib = 8 }, cleanup = { scratch_gib = 2, memory_gib = 2 } }
  }

  expect_failures = [google_cloud_run_v2_job.this["monitor"], google_cloud_run_v2_job.this["cleanup"]]
}
