# Two persons: the policy at the fixed path in every job, keys that sign, each used by one identity, and the log that
# keeps the hashes of checkpoints.

mock_provider "google" {
  override_during = plan
  source          = "./tests/mock"
}

variables {
  verify_on_arrival = {}
}

run "without_approvals_there_is_no_policy_but_the_checkpoint_log" {
  command = plan

  assert {
    condition     = length(google_secret_manager_secret.policy) + length(google_kms_crypto_key.signing) + length(google_secret_manager_secret_iam_member.policy) == 0
    error_message = "Something of approvals is made though they are off."
  }
  assert {
    condition     = google_logging_project_bucket_config.checkpoints.retention_days == 400 && google_logging_project_bucket_config.checkpoints.locked == var.audit.locked
    error_message = "The log of checkpoints is not kept as long as the trail, or not locked as the audit log is."
  }
  assert {
    condition     = google_logging_project_sink.checkpoints.filter == "logName=\"projects/acme-prod/logs/litekeep-checkpoints\"" && google_project_iam_member.monitor_logs.member == google_service_account.job["monitor"].member
    error_message = "Checkpoints do not reach the log that keeps them."
  }
  assert {
    condition     = jsonencode([for image, settings in local.env : image if contains(keys(settings), "BACKUP_EVENTS")]) == jsonencode(["monitor"]) && local.env.monitor.BACKUP_EVENTS == "gcp-logging://projects/acme-prod/logs/litekeep"
    error_message = "The monitor alone writes to Cloud Logging by itself."
  }
}

run "signing_keys_are_created_before_the_policy" {
  command = plan

  variables {
    approvals = {}
  }

  assert {
    condition     = alltrue([for job in google_cloud_run_v2_job.this : length([for volume in job.template[0].template[0].volumes : volume if volume.name == "policy"]) == 0]) && !anytrue([for settings in local.env : contains(keys(settings), "BACKUP_SIGNING_KEY")])
    error_message = "A job waits for a policy that is not there yet."
  }
  assert {
    condition     = toset([for key in google_kms_crypto_key.signing : "${key.name} ${key.purpose} ${key.version_template[0].algorithm}"]) == toset(["monitor ASYMMETRIC_SIGN EC_SIGN_P256_SHA256", "verify ASYMMETRIC_SIGN EC_SIGN_P256_SHA256"])
    error_message = "The signing keys are not those of the verifier and the monitor, or of another kind than is verified."
  }
}

run "every_job_mounts_the_policy_at_the_fixed_path" {
  command = plan

  variables {
    approvals = { policy_version = "3" }
  }

  assert {
    condition = alltrue([for job in google_cloud_run_v2_job.this : anytrue([
      for volume in job.template[0].template[0].volumes : try(volume.name == "policy" && volume.secret[0].items[0].path == "policy.json" && volume.secret[0].items[0].version == "3", false)
      ]) && anytrue([
      for mount in job.template[0].template[0].containers[0].volume_mounts : mount.name == "policy" && mount.mount_path == "/etc/litekeep/policy"
    ])])
    error_message = "A job runs without the policy."
  }
  assert {
    condition     = anytrue([for mount in google_cloud_run_v2_service.arrival["on"].template[0].containers[0].volume_mounts : mount.name == "policy" && mount.mount_path == "/etc/litekeep/policy"])
    error_message = "The service that verifies on arrival runs without the policy."
  }
  assert {
    condition     = toset([for grant in google_secret_manager_secret_iam_member.policy : grant.member]) == toset([for account in google_service_account.job : account.member])
    error_message = "A job cannot read the policy, or somebody else can."
  }
  assert {
    condition     = jsonencode([for image, settings in local.env : image if contains(keys(settings), "BACKUP_SIGNING_KEY")]) == jsonencode(["monitor", "verify"])
    error_message = "A job signs with another's key, or one that signs has none."
  }
  assert {
    condition     = alltrue([for name, grant in google_kms_crypto_key_iam_member.signing : grant.member == google_service_account.job[name].member && grant.role == "roles/cloudkms.signerVerifier"]) && length(google_kms_crypto_key_iam_member.signing) == 2
    error_message = "Somebody may sign as another."
  }
}

run "latest_policy_version_is_refused" {
  command = plan

  variables {
    approvals = { policy_version = "latest" }
  }

  expect_failures = [var.approvals]
}
