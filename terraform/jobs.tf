# One Cloud Run job for each task, with fixed arguments. So the scheduler needs no right to pass arguments, and in logs and
# metrics the job's name tells a daily backup from a weekly one.

locals {
  _sizes = {
    backup  = { cpu = 2, max_retries = 2, memory_gib = 4, scratch_gib = 10, tasks = 1, timeout_minutes = 60 }
    cleanup = { cpu = 1, max_retries = 0, memory_gib = 1, scratch_gib = 0, tasks = 1, timeout_minutes = 60 }
    monitor = { cpu = 1, max_retries = 1, memory_gib = 1, scratch_gib = 0, tasks = 1, timeout_minutes = 15 }
    restore = { cpu = 4, max_retries = 0, memory_gib = 8, scratch_gib = 10, tasks = 1, timeout_minutes = 240 }
    verify  = { cpu = 2, max_retries = 1, memory_gib = 4, scratch_gib = 10, tasks = 1, timeout_minutes = 240 }
  }
  _sizes_of_images = {
    for image, size in local._sizes : image => {
      for name, value in size : name => try(coalesce(var.job_sizes[image][name], value), value)
    }
  }
  # A cycle starts hundreds of times a day and needs little memory for a database of any size. It is not retried: the next
  # cycle follows. Its databases are those of the other backups, so its scratch disk and tasks are the same.
  _size_of_cycles = merge(local._sizes_of_images.backup, {
    cpu         = 1
    max_retries = 0
    memory_gib  = local._sizes_of_images.backup.scratch_gib < local.disk_from_gib ? ceil(local._sizes_of_images.backup.scratch_gib) + 1 : 1
  })
  sizes = merge(local._sizes_of_images, {
    continuous = { for name, value in local._size_of_cycles : name => try(coalesce(var.job_sizes.continuous[name], value), value) }
  })

  # `schedule` names an entry of var.schedules. For a job without a schedule, `on_demand` says who starts it and when.
  _jobs = {
    backup            = { image = "backup", args = [], schedule = null, on_demand = "by a person or a pipeline, before a deployment or as needed" }
    backup-continuous = { image = "backup", args = ["--kind=continuous"], schedule = "continuous", on_demand = null }
    backup-daily      = { image = "backup", args = ["--kind=daily"], schedule = "daily", on_demand = null }
    backup-weekly     = { image = "backup", args = ["--kind=weekly"], schedule = "weekly", on_demand = null }
    cleanup           = { image = "cleanup", args = [], schedule = "cleanup", on_demand = null }
    drill             = { image = "verify", args = ["--drill"], schedule = "drill", on_demand = null }
    monitor           = { image = "monitor", args = [], schedule = "monitor", on_demand = null }
    restore-check     = { image = "restore", args = ["--check"], schedule = "restore-check", on_demand = null }
    restore           = { image = "restore", args = ["--backup=latest-verified", "--dry-run"], schedule = null, on_demand = "by a person, who names the backup; without arguments it only shows what it would do" }
    verify            = { image = "verify", args = ["--since=7d"], schedule = "verify", on_demand = null }
  }
  # A job whose schedule is off is not created, because nothing would start it.
  jobs = {
    for name, job in local._jobs : name => job
    if var.images != null && (job.schedule == null || contains(keys(local.schedules), coalesce(job.schedule, "none")))
  }

  store_url = "gs://${local.stores.primary.name}"
  copy_url  = var.copy_store == null ? null : "gs://${local.stores.copy.name}"

  _env_of_all = {
    BACKUP_COPY_STORE = local.copy_url
    BACKUP_RETENTION  = join(",", [for kind in local.kinds : "${kind}=${local.retention_days[kind]}d"])
    BACKUP_STORE      = local.store_url
    ENVIRONMENT       = var.environment
    LOG_FORMAT        = "json"
  }
  _env_with_key = { BACKUP_KEY = "gcp-kms://${google_kms_crypto_key.wrapping.id}" }
  # Pairs are separated by semicolons, because a cron field may contain commas.
  _env_with_plan = {
    BACKUP_DATABASES = length(var.databases) == 0 ? null : join(",", var.databases)
    BACKUP_SCHEDULES = join(";", [for kind, cron in local.scheduled_kinds : "${kind}=${cron}"])
  }
  # Without a login the monitor cannot list the databases for "*", so it watches those in the store.
  _cannot_ask = contains(var.databases, "*") && !var.watch_native_backups

  _env = {
    backup = merge(local._env_of_all, local._env_with_key, local._env_with_plan, {
      BACKUP_FORMATS        = join(",", sort(var.backup_formats))
      BACKUP_SKIP_UNCHANGED = tostring(var.skip_unchanged)
    })
    cleanup = local._env_of_all
    monitor = merge(local._env_of_all, local._env_with_key, local._env_with_plan, { BACKUP_EVENTS = "gcp-logging://projects/${var.project_id}/logs/${var.name_prefix}" }, local._cannot_ask ? { BACKUP_DATABASES = null } : {})
    restore = merge(local._env_of_all, local._env_with_key)
    verify  = merge(local._env_of_all, local._env_with_key)
  }
  env = { for image, settings in local._env : image => { for name, value in merge(settings, local.env_of_policy[image]) : name => value if value != null } }

  secret_env = merge({
    backup  = { secret = "source", version = var.secret_versions.source }
    restore = { secret = "target", version = var.secret_versions.target }
    }, var.watch_native_backups ? {
    monitor = { secret = "monitor", version = var.secret_versions.monitor }
  } : {})

  # The drill reads the application's checks from a file.
  drill_checks_path = "/etc/litekeep/drill"
  drill_checks_file = "checks.sql"

  scratch_path = "/scratch"
}

resource "google_cloud_run_v2_job" "this" {
  for_each = local.jobs

  project             = var.project_id
  name                = "${var.name_prefix}-${each.key}"
  location            = var.region
  labels              = local.labels
  deletion_protection = var.deletion_protection
  launch_stage        = local.launch_stage[each.key]

  template {
    task_count  = local.size_of[each.key].tasks
    parallelism = local.size_of[each.key].tasks
    labels      = local.labels

    template {
      service_account       = google_service_account.job[each.value.image].email
      timeout               = "${local.size_of[each.key].timeout_minutes * 60}s"
      max_retries           = local.size_of[each.key].max_retries
      execution_environment = "EXECUTION_ENVIRONMENT_GEN2"

      containers {
        image = var.images[each.value.image]
        args  = each.value.args

        resources {
          limits = {
            cpu    = tostring(local.size_of[each.key].cpu)
            memory = "${local.size_of[each.key].memory_gib}Gi"
          }
        }

        dynamic "env" {
          for_each = local.env[each.value.image]
          content {
            name  = env.key
            value = env.value
          }
        }

        dynamic "env" {
          for_each = { for image, from in local.secret_env : image => from if image == each.value.image }
          content {
            name = "DATABASE_URL"
            value_source {
              secret_key_ref {
                secret  = google_secret_manager_secret.database_url[env.value.secret].secret_id
                version = env.value.version
              }
            }
          }
        }

        dynamic "env" {
          for_each = each.key == "drill" ? google_secret_manager_secret_version.drill_checks : {}
          content {
            name  = "BACKUP_DRILL_SQL"
            value = "${local.drill_checks_path}/${local.drill_checks_file}"
          }
        }
        dynamic "volume_mounts" {
          for_each = each.key == "drill" ? google_secret_manager_secret_version.drill_checks : {}
          content {
            name       = "checks"
            mount_path = local.drill_checks_path
          }
        }

        dynamic "volume_mounts" {
          for_each = local.policy
          content {
            name       = "policy"
            mount_path = local.policy_path
          }
        }

        # Files written elsewhere count against the memory; over the limit the task is killed without a message.
        dynamic "env" {
          for_each = local.size_of[each.key].scratch_gib > 0 ? ["SQLITE_TMPDIR", "TMPDIR"] : []
          content {
            name  = env.value
            value = local.scratch_path
          }
        }

        dynamic "volume_mounts" {
          for_each = local.size_of[each.key].scratch_gib > 0 ? ["scratch"] : []
          content {
            name       = volume_mounts.value
            mount_path = local.scratch_path
          }
        }
      }

      dynamic "volumes" {
        for_each = local.size_of[each.key].scratch_gib > 0 ? ["scratch"] : []
        content {
          name = volumes.value
          empty_dir {
            medium     = local.size_of[each.key].scratch_gib >= local.disk_from_gib ? "DISK" : "MEMORY"
            size_limit = "${local.size_of[each.key].scratch_gib}Gi"
          }
        }
      }

      dynamic "volumes" {
        for_each = each.key == "drill" ? google_secret_manager_secret_version.drill_checks : {}
        content {
          name = "checks"
          secret {
            secret = google_secret_manager_secret.drill_checks["on"].secret_id
            items {
              path    = local.drill_checks_file
              version = volumes.value.version
            }
          }
        }
      }

      dynamic "volumes" {
        for_each = local.policy
        content {
          name = "policy"
          secret {
            secret = google_secret_manager_secret.policy["on"].secret_id
            items {
              path    = local.policy_file
              version = volumes.value
            }
          }
        }
      }

      dynamic "vpc_access" {
        for_each = var.network == null ? [] : [var.network]
        content {
          egress = vpc_access.value.egress
          network_interfaces {
            network    = vpc_access.value.network
            subnetwork = vpc_access.value.subnetwork
            tags       = vpc_access.value.tags
          }
        }
      }
    }
  }

  lifecycle {
    ignore_changes = [launch_stage] # Cloud Run raises it automatically

    precondition {
      condition     = local.size_of[each.key].scratch_gib >= local.disk_from_gib || local.size_of[each.key].memory_gib >= local.size_of[each.key].scratch_gib + 0.5
      error_message = "job_sizes.${local.size_name[each.key]}: scratch_gib up to 2 is in memory: set memory_gib to at least half a GiB more, or scratch_gib = 10 for a disk."
    }
    precondition {
      condition     = local.size_of[each.key].scratch_gib < local.disk_from_gib || local.size_of[each.key].scratch_gib <= var.disk_quota.instance_gib
      error_message = "job_sizes.${local.size_name[each.key]}: a disk of ${local.size_of[each.key].scratch_gib} GiB is more than disk_quota.instance_gib = ${var.disk_quota.instance_gib}: request more on the console's quota page (Cloud Run Admin API, ephemeral disk), then set disk_quota to the granted value."
    }
    precondition {
      condition     = each.key != "backup" || try(local.subnet[1], var.region) == var.region # reported for one job only
      error_message = "network.subnetwork is not in ${var.region}: name a subnet of the job's region."
    }
    postcondition {
      condition     = self.launch_stage != "GA" || local.size_of[each.key].scratch_gib < local.disk_from_gib
      error_message = "Job ${self.name} was created without a disk, and Cloud Run cannot add one: create it again with terraform apply -var=deletion_protection=false, then the same with -replace='google_cloud_run_v2_job.this[\"${each.key}\"]'."
    }
    precondition {
      condition     = local.size_of[each.key].memory_gib <= { 1 = 4, 2 = 8, 4 = 16, 6 = 24, 8 = 32 }[local.size_of[each.key].cpu]
      error_message = "job_sizes.${local.size_name[each.key]}: memory_gib is more than Cloud Run allows with that cpu: 1 up to 4, 2 up to 8, 4 up to 16, 6 up to 24, 8 up to 32."
    }
  }

  # Cloud Run reads the secret when it creates the job, and the first run needs its rights.
  depends_on = [
    google_compute_subnetwork_iam_member.run,
    google_kms_crypto_key_iam_member.wrapping,
    google_kms_crypto_key_iam_member.signing,
    google_secret_manager_secret_iam_member.drill_checks,
    google_secret_manager_secret_iam_member.policy,
    google_secret_manager_secret_iam_member.reader,
    google_storage_bucket_iam_member.job,
  ]
}

# People who may start a job by hand with arguments, and see its result.
locals {
  operator_grants = merge(flatten([
    for job, members in var.operators : [
      for member in members : {
        "${job}/start/${member}" = { job = job, member = member, role = "roles/run.jobsExecutorWithOverrides" }
        "${job}/watch/${member}" = { job = job, member = member, role = "roles/run.viewer" }
      }
    ] if contains(keys(local.jobs), job)
  ])...)
}

resource "google_cloud_run_v2_job_iam_member" "operator" {
  for_each = local.operator_grants

  project  = var.project_id
  name     = google_cloud_run_v2_job.this[each.value.job].name
  location = var.region
  role     = each.value.role
  member   = each.value.member
}
