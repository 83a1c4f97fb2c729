# All rights of the console's service account, so that any additional grant fails a test.

mock_provider "google" {
  override_during = plan
  source          = "./tests/mock"
}

variables {
  copy_store = { location = "europe-north1" }
  console = {
    database      = "sqlitecloud://abc.sqlite.cloud:8860/orders"
    policy_secret = "litekeep-policy"
    viewers       = ["group:oncall@acme.example"]
  }
}

run "console_is_off_by_default" {
  command = plan

  variables {
    console = null
  }

  assert {
    condition     = length(google_cloud_run_v2_service.console) + length(google_service_account.console) + length(google_storage_bucket_iam_member.console) + length(google_kms_crypto_key.console) + length(google_iap_web_cloud_run_service_iam_member.console) == 0
    error_message = "A console is created although it is off."
  }
}

run "console_cannot_decrypt_delete_or_read_a_database" {
  command = plan

  assert {
    condition     = alltrue([for grant in concat(values(google_kms_crypto_key_iam_member.wrapping), values(google_kms_crypto_key_iam_member.storage)) : grant.member != google_service_account.console["on"].member])
    error_message = "The console may use a key that decrypts backups."
  }
  assert {
    condition     = google_kms_crypto_key.console["on"].purpose == "ASYMMETRIC_SIGN" && google_kms_crypto_key_iam_member.console["on"].role == "roles/cloudkms.signerVerifier" && google_kms_crypto_key_iam_member.console["on"].crypto_key_id == google_kms_crypto_key.console["on"].id
    error_message = "The console has another right on keys than signing with its own."
  }
  assert {
    condition     = sort(distinct([for grant in google_storage_bucket_iam_member.console : grant.role])) == tolist(["projects/acme-prod/roles/litekeep_lister", "roles/storage.objectCreator", "roles/storage.objectViewer"])
    error_message = "The console has more or fewer rights on objects than it needs."
  }
  assert {
    condition     = google_project_iam_custom_role.lister["on"].permissions == toset(["storage.objects.list"])
    error_message = "Without a condition, the console may do more than list objects."
  }
  assert {
    condition     = alltrue([for grant in google_storage_bucket_iam_member.console : grant.role == google_project_iam_custom_role.lister["on"].id || length(grant.condition) == 1 || endswith(grant.role, "_lister")])
    error_message = "The console may read or create objects with any name."
  }
  assert {
    condition     = alltrue([for grant in google_storage_bucket_iam_member.console : strcontains(grant.condition[0].expression, "endsWith(\".json\")") if grant.role != "projects/acme-prod/roles/litekeep_lister"])
    error_message = "The console may read or create an object that is not JSON, such as an artifact."
  }
  assert {
    condition     = alltrue([for grant in google_storage_bucket_iam_member.console : anytrue([for prefix in ["requests/", "policies/", "audit/"] : strcontains(grant.condition[0].expression, "objects/${prefix}")]) if grant.role == "roles/storage.objectCreator"])
    error_message = "The console may create other objects than requests, decisions, policies and events."
  }
  assert {
    condition     = alltrue([for grant in google_secret_manager_secret_iam_member.reader : grant.member != google_service_account.console["on"].member]) && google_secret_manager_secret_iam_member.console_policy["on"].secret_id == "litekeep-policy"
    error_message = "The console may read a secret with a login."
  }
  assert {
    condition     = alltrue([for setting in google_cloud_run_v2_service.console["on"].template[0].containers[0].env : try(length(setting.value_source), 0) == 0])
    error_message = "A setting of the console comes from a secret."
  }
  assert {
    condition     = alltrue([for account in google_service_account.job : account.email != google_cloud_run_v2_service.console["on"].template[0].service_account])
    error_message = "The console uses the service account of a job."
  }
  assert {
    condition     = google_cloud_run_v2_job_iam_member.console["on"].name == "litekeep-restore" && google_cloud_run_v2_job_iam_member.console["on"].role == "roles/run.jobsExecutorWithOverrides"
    error_message = "The console may start another job than the restore."
  }
}

run "console_is_reachable_only_through_iap" {
  command = plan

  assert {
    condition     = google_cloud_run_v2_service.console["on"].iap_enabled
    error_message = "Identity-Aware Proxy is off: anybody could call the console."
  }
  assert {
    condition     = startswith(google_cloud_run_v2_service_iam_member.console["on"].member, "serviceAccount:service-") && endswith(google_cloud_run_v2_service_iam_member.console["on"].member, "@gcp-sa-iap.iam.gserviceaccount.com") && google_cloud_run_v2_service_iam_member.console["on"].role == "roles/run.invoker"
    error_message = "Another account than Identity-Aware Proxy may call the console."
  }
  assert {
    condition     = [for grant in google_iap_web_cloud_run_service_iam_member.console : "${grant.role} ${grant.member}"] == ["roles/iap.httpsResourceAccessor group:oncall@acme.example"]
    error_message = "Identity-Aware Proxy admits others than the viewers."
  }
  assert {
    condition     = endswith(local.console_env.BACKUP_CONSOLE_AUDIENCES, "/locations/europe-west1/services/litekeep-console") && startswith(local.console_env.BACKUP_CONSOLE_AUDIENCES, "/projects/")
    error_message = "The console accepts tokens for another service."
  }
  assert {
    condition     = google_cloud_run_v2_service.console["on"].template[0].volumes[0].secret[0].secret == "litekeep-policy" && google_cloud_run_v2_service.console["on"].template[0].containers[0].volume_mounts[0].mount_path == "/etc/litekeep/policy"
    error_message = "The policy is not mounted at the fixed path."
  }
}

run "public_viewers_and_database_logins_are_refused" {
  command = plan

  variables {
    console = {
      database      = "sqlitecloud://abc.sqlite.cloud:8860/orders?apikey=secret"
      policy_secret = "litekeep-policy"
      viewers       = ["allUsers"]
    }
  }

  expect_failures = [var.console]
}
