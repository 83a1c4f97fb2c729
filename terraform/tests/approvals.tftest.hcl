# Restores by two persons: the policy at the fixed path in every job, signing keys for one account each, and the log with
# the hashes of checkpoints.

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
    error_message = "A resource for approvals is created although they are off."
  }
  assert {
    condition     = google_logging_project_bucket_config.checkpoints.retention_days == 400 && google_logging_project_bucket_config.checkpoints.locked == var.audit.locked
    error_message = "The log of checkpoints has another retention than the audit trail, or another lock than the audit log."
  }
  assert {
    condition     = google_logging_project_sink.checkpoints.filter == "logName=\"projects/acme-prod/logs/litekeep-checkpoints\"" && google_project_iam_member.monitor_logs.member == google_service_account.job["monitor"].member
    error_message = "Checkpoints are not routed to their log bucket."
  }
  assert {
    condition     = jsonencode([for image, settings in local.env : image if contains(keys(settings), "BACKUP_EVENTS")]) == jsonencode(["monitor"]) && local.env.monitor.BACKUP_EVENTS == "gcp-logging://projects/acme-prod/logs/litekeep"
    error_message = "Another account than the monitor's may write log entries, or the monitor may not."
  }
}

run "signing_keys_are_created_before_the_policy" {
  command = plan

  variables {
    approvals = {}
  }

  assert {
    condition     = alltrue([for job in google_cloud_run_v2_job.this : length([for volume in job.template[0].template[0].volumes : volume if volume.name == "policy"]) == 0]) && !anytrue([for settings in local.env : contains(keys(settings), "BACKUP_SIGNING_KEY")])
    error_message = "A job mounts a policy that does not exist yet."
  }
  assert {
    condition     = toset([for key in google_kms_crypto_key.signing : "${key.name} ${key.purpose} ${key.version_template[0].algorithm}"]) == toset(["monitor ASYMMETRIC_SIGN EC_SIGN_P256_SHA256", "verify ASYMMETRIC_SIGN EC_SIGN_P256_SHA256"])
    error_message = "The signing keys are not exactly those of the verifier and the monitor, or have another algorithm."
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
    error_message = "A job does not mount the policy."
  }
  assert {
    condition     = anytrue([for mount in google_cloud_run_v2_service.arrival["on"].template[0].containers[0].volume_mounts : mount.name == "policy" && mount.mount_path == "/etc/litekeep/policy"])
    error_message = "The service that verifies on arrival does not mount the policy."
  }
  assert {
    condition     = toset([for grant in google_secret_manager_secret_iam_member.policy : grant.member]) == toset([for account in google_service_account.job : account.member])
    error_message = "A job cannot read the policy, or another account can."
  }
  assert {
    condition     = jsonencode([for image, settings in local.env : image if contains(keys(settings), "BACKUP_SIGNING_KEY")]) == jsonencode(["monitor", "verify"])
    error_message = "A job has another job's signing key, or lacks its own."
  }
  assert {
    condition     = alltrue([for name, grant in google_kms_crypto_key_iam_member.signing : grant.member == google_service_account.job[name].member && grant.role == "roles/cloudkms.signerVerifier"]) && length(google_kms_crypto_key_iam_member.signing) == 2
    error_message = "An account may sign with another job's key."
  }
}

run "latest_policy_version_is_refused" {
  command = plan

  variables {
    approvals = { policy_version = "latest" }
  }

  expect_failures = [var.approvals]
}
