# All rights of all service accounts, so that any additional grant fails a test.

mock_provider "google" {
  override_during = plan
  source          = "./tests/mock"
}

variables {
  copy_store        = { location = "europe-north1" }
  operators         = { backup = ["group:dev@acme.example"], restore = ["group:oncall@acme.example"] }
  verify_on_arrival = {}
}

run "each_job_has_exactly_its_rights" {
  command = plan

  assert {
    condition = jsonencode({ for identity in keys(local.identities) : identity => sort(distinct([for grant in google_storage_bucket_iam_member.job : grant.role if grant.member == google_service_account.job[identity].member])) }) == jsonencode({
      backup  = ["roles/storage.objectCreator", "roles/storage.objectViewer"]
      cleanup = ["projects/acme-prod/roles/litekeep_cleaner", "roles/storage.objectCreator"]
      monitor = ["roles/storage.objectCreator", "roles/storage.objectViewer"]
      restore = ["roles/storage.objectCreator", "roles/storage.objectViewer"]
      verify  = ["roles/storage.objectCreator", "roles/storage.objectViewer"]
    })
    error_message = "A service account has more or fewer rights on objects than it needs."
  }
  assert {
    condition     = google_project_iam_custom_role.cleaner.permissions == toset(["storage.objects.delete", "storage.objects.get", "storage.objects.list"])
    error_message = "Cleanup may do more or less than list, read and delete."
  }
  assert {
    condition     = alltrue([for grant in google_storage_bucket_iam_member.job : contains([google_service_account.job["cleanup"].member], grant.member) if grant.role == google_project_iam_custom_role.cleaner.id])
    error_message = "Another account than cleanup may delete."
  }
  assert {
    condition     = alltrue([for store in ["primary", "copy"] : google_storage_bucket_iam_member.job["${store}/cleanup-deletes"].role == google_project_iam_custom_role.cleaner.id && length(google_storage_bucket_iam_member.job["${store}/cleanup-deletes"].condition) == 0])
    error_message = "Cleanup cannot list, read and delete in each store."
  }
  assert {
    condition     = local.env["cleanup"]["BACKUP_COPY_STORE"] == "gs://acme-prod-litekeep-copy"
    error_message = "Cleanup has no setting for the copy store."
  }
  assert {
    condition     = alltrue([for grant in google_storage_bucket_iam_member.job : length(grant.condition) == 1 && strcontains(grant.condition[0].expression, "projects/_/buckets/${grant.bucket}/objects/") if grant.role == "roles/storage.objectCreator"])
    error_message = "A service account may create objects with any name, or in another bucket."
  }
  assert {
    condition     = alltrue([for grant in google_storage_bucket_iam_member.job : length(regexall("&&|[|][|]|!([^=]|$)", grant.condition[0].expression)) <= 12 && length(grant.condition[0].title) <= 100 if length(grant.condition) == 1])
    error_message = "A condition has more than the 12 operators that IAM allows."
  }
  assert {
    condition     = length(google_storage_bucket_iam_member.job) == 2 * length(local._object_grants) + length(local._copy_grants) && keys(local._copy_grants) == ["monitor-events"] && toset([for grant in google_storage_bucket_iam_member.job : grant.bucket]) == toset(["acme-prod-litekeep", "acme-prod-litekeep-copy"])
    error_message = "The grants of the two stores differ in more than the monitor's events in the copy store."
  }
  assert {
    condition = jsonencode({ for identity in keys(local.identities) : identity => sort([for grant in google_kms_crypto_key_iam_member.wrapping : grant.role if grant.member == google_service_account.job[identity].member]) }) == jsonencode({
      backup  = ["roles/cloudkms.cryptoKeyEncrypter"]
      cleanup = []
      monitor = ["roles/cloudkms.cryptoKeyEncrypter", "roles/cloudkms.viewer"]
      restore = ["roles/cloudkms.cryptoKeyDecrypter", "roles/cloudkms.cryptoKeyEncrypter"]
      verify  = ["roles/cloudkms.cryptoKeyDecrypter"]
    })
    error_message = "A service account has a right to encrypt or decrypt that it does not need, or lacks one."
  }
  assert {
    condition     = alltrue([for grant in google_kms_crypto_key_iam_member.storage : endswith(grant.member, "@gs-project-accounts.iam.gserviceaccount.com")])
    error_message = "Another account than Cloud Storage's own may use the storage keys."
  }
  assert {
    condition     = google_kms_crypto_key.wrapping.id != google_kms_crypto_key.storage["primary"].id && google_kms_crypto_key.storage["primary"].id != google_kms_crypto_key.storage["copy"].id
    error_message = "Wrapping and the stores do not have separate keys."
  }
  assert {
    condition     = alltrue([for key in concat([google_kms_crypto_key.wrapping], values(google_kms_crypto_key.storage)) : key.rotation_period == "7776000s" && key.destroy_scheduled_duration == "10368000s"])
    error_message = "A key does not rotate every 90 days, or its destruction cannot be undone for 120 days."
  }
  assert {
    condition = jsonencode({ for secret in ["source", "target"] : secret => sort([for grant in google_secret_manager_secret_iam_member.reader : grant.member if grant.secret_id == google_secret_manager_secret.database_url[secret].id && grant.role == "roles/secretmanager.secretAccessor"]) }) == jsonencode({
      source = [google_service_account.job["backup"].member]
      target = [google_service_account.job["restore"].member]
    })
    error_message = "Another job than backup reads the source's connection string, or another than restore the target's."
  }
  assert {
    condition     = alltrue([for grant in google_cloud_run_v2_job_iam_member.scheduler : grant.role == "roles/run.jobsExecutor" && grant.member == google_service_account.scheduler.member])
    error_message = "The scheduler may start a job with arguments."
  }
  assert {
    condition     = keys(google_cloud_run_v2_job_iam_member.scheduler) == keys(google_cloud_scheduler_job.this)
    error_message = "The scheduler may start unscheduled jobs, or may not start a scheduled one."
  }
  assert {
    condition     = alltrue([for job in google_cloud_scheduler_job.this : job.http_target[0].body == null && length(job.http_target[0].oidc_token) == 0 && job.http_target[0].oauth_token[0].service_account_email == google_service_account.scheduler.email])
    error_message = "A schedule sends arguments, or a token that the Run API does not accept."
  }
  assert {
    condition = toset([for grant in google_cloud_run_v2_job_iam_member.operator : "${grant.member} ${grant.name} ${grant.role}"]) == toset([
      "group:dev@acme.example litekeep-backup roles/run.jobsExecutorWithOverrides",
      "group:dev@acme.example litekeep-backup roles/run.viewer",
      "group:oncall@acme.example litekeep-restore roles/run.jobsExecutorWithOverrides",
      "group:oncall@acme.example litekeep-restore roles/run.viewer",
    ])
    error_message = "Operators may start other jobs than those they are named for."
  }
  assert {
    condition = alltrue([for grant in concat(values(google_project_iam_member.arrival_receives), values(google_project_iam_member.storage_publishes)) :
    !contains(concat([for account in google_service_account.job : account.member], [google_service_account.scheduler.member]), grant.member)])
    error_message = "A job's service account has a role on the whole project."
  }
  assert {
    condition = alltrue([for member in concat(
      [for grant in google_storage_bucket_iam_member.job : grant.member],
      [for grant in google_kms_crypto_key_iam_member.wrapping : grant.member],
      [for grant in google_kms_crypto_key_iam_member.storage : grant.member],
      [for grant in google_secret_manager_secret_iam_member.reader : grant.member],
      [for grant in google_cloud_run_v2_job_iam_member.scheduler : grant.member],
      [for grant in google_cloud_run_v2_job_iam_member.operator : grant.member],
      [for grant in google_cloud_run_v2_service_iam_member.arrival : grant.member],
    ) : can(regex("^(serviceAccount|group|user):", member))])
    error_message = "Something is open to everyone."
  }
  assert {
    condition     = alltrue([for bucket in google_storage_bucket.store : bucket.public_access_prevention == "enforced" && bucket.uniform_bucket_level_access])
    error_message = "A bucket can be made public."
  }
  assert {
    condition     = google_cloud_run_v2_service.arrival["on"].ingress == "INGRESS_TRAFFIC_INTERNAL_ONLY" && google_cloud_run_v2_service_iam_member.arrival["on"].member == google_service_account.arrival["on"].member
    error_message = "Others than Eventarc may call the verification service."
  }
  assert {
    condition     = google_cloud_run_v2_service.arrival["on"].template[0].service_account == google_service_account.job["verify"].email
    error_message = "The verification service and the verify job have different rights."
  }
}

run "monitor_of_native_backups_has_its_own_login" {
  command = plan

  variables {
    databases            = ["*"]
    watch_native_backups = true
  }

  assert {
    condition     = jsonencode([for grant in google_secret_manager_secret_iam_member.reader : "${grant.secret_id} ${grant.member}" if grant.member == google_service_account.job["monitor"].member]) == jsonencode(["projects/acme-prod/secrets/litekeep-monitor-url ${google_service_account.job["monitor"].member}"])
    error_message = "The monitor reads another connection string than its own."
  }
  assert {
    condition     = anytrue([for setting in google_cloud_run_v2_job.this["monitor"].template[0].template[0].containers[0].env : setting.name == "DATABASE_URL" && try(setting.value_source[0].secret_key_ref[0].secret, "") == "litekeep-monitor-url"]) && local.env.monitor.BACKUP_DATABASES == "*"
    error_message = "The monitor does not get its login, or does not list the databases."
  }
}

run "monitor_without_a_login_contacts_no_server" {
  command = plan

  variables {
    databases = ["*"]
  }

  assert {
    condition     = !contains(keys(local.env.monitor), "BACKUP_DATABASES") && local.env.backup.BACKUP_DATABASES == "*" && !contains([for setting in google_cloud_run_v2_job.this["monitor"].template[0].template[0].containers[0].env : setting.name], "DATABASE_URL")
    error_message = "The monitor would list databases without a login, and fail every hour."
  }
}
