# Restores by two persons (docs/approvals.md): the policy as a file that no run can override, the keys that sign verdicts
# and checkpoints, and a log with the hashes of checkpoints, out of the reach of accounts that may write to the buckets.

locals {
  approvals = var.approvals == null ? {} : { on = var.approvals }
  # Jobs could not start before the policy has a first version. The signing keys are created first, because the policy
  # names their public halves.
  policy = { for on, settings in local.approvals : on => settings.policy_version if settings.policy_version != null }

  policy_path = "/etc/litekeep/policy" # the code reads this path first, and no setting of a run can change that
  policy_file = "policy.json"

  # The verifier signs verdicts and drills, the monitor signs checkpoints. People create their own keys.
  signers = length(local.approvals) == 0 ? [] : ["monitor", "verify"]

  env_of_policy = { for image in keys(local._sizes) : image => contains(local.signers, image) && length(local.policy) > 0 ? { BACKUP_SIGNING_KEY = "gcp-kms://${google_kms_crypto_key.signing[image].id}/cryptoKeyVersions/1" } : {} }

  checkpoint_log = "projects/${var.project_id}/logs/${var.name_prefix}-checkpoints"
}

resource "google_secret_manager_secret" "policy" {
  for_each = local.approvals

  project             = var.project_id
  secret_id           = "${var.name_prefix}-policy"
  annotations         = { description = "The policy file, signed by the people whom it names. It is not confidential; Cloud Run mounts files from secrets." }
  labels              = local.labels
  version_destroy_ttl = "604800s"

  replication {
    dynamic "auto" {
      for_each = length(var.secret_locations) == 0 ? ["anywhere"] : []
      content {}
    }
    dynamic "user_managed" {
      for_each = length(var.secret_locations) == 0 ? [] : [var.secret_locations]
      content {
        dynamic "replicas" {
          for_each = user_managed.value
          content {
            location = replicas.value
          }
        }
      }
    }
  }

  depends_on = [google_project_service.this]
}

resource "google_secret_manager_secret_iam_member" "policy" {
  for_each = length(local.approvals) == 0 ? {} : local.identities

  project   = var.project_id
  secret_id = google_secret_manager_secret.policy["on"].id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.job[each.key].member
}

# A separate ring, so that accounts with rights on the wrapping key have no right to sign.
resource "google_kms_key_ring" "signing" {
  for_each = local.approvals

  project  = var.project_id
  name     = "${var.name_prefix}-signing"
  location = var.key.location

  depends_on = [google_project_service.this]
}

resource "google_kms_crypto_key" "signing" {
  for_each = toset(local.signers)

  name                       = each.key
  key_ring                   = google_kms_key_ring.signing["on"].id
  purpose                    = "ASYMMETRIC_SIGN" # not rotated, because the policy names one version by its public half
  destroy_scheduled_duration = "10368000s"
  labels                     = local.labels

  version_template {
    algorithm        = "EC_SIGN_P256_SHA256"
    protection_level = var.key.protection_level
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "google_kms_crypto_key_iam_member" "signing" {
  for_each = google_kms_crypto_key.signing

  crypto_key_id = each.value.id
  role          = "roles/cloudkms.signerVerifier"
  member        = google_service_account.job[each.key].member
}

# The anchor of the audit trail: the monitor's checkpoints in a separate log, kept as long as the trail.
resource "google_logging_project_bucket_config" "checkpoints" {
  project        = var.project_id
  location       = var.region
  bucket_id      = "${var.name_prefix}-checkpoints"
  description    = "Litekeep: hashes of the audit trail's checkpoints"
  retention_days = 400
  locked         = var.audit.locked

  depends_on = [google_project_service.this]
}

resource "google_logging_project_sink" "checkpoints" {
  project                = var.project_id
  name                   = "${var.name_prefix}-checkpoints"
  description            = "Litekeep's checkpoints"
  destination            = "logging.googleapis.com/${google_logging_project_bucket_config.checkpoints.id}"
  unique_writer_identity = true
  filter                 = "logName=\"${local.checkpoint_log}\""
}

# Cloud Logging has no right on a single log, so this one is for the whole project.
resource "google_project_iam_member" "monitor_logs" {
  project = var.project_id
  role    = "roles/logging.logWriter"
  member  = google_service_account.job["monitor"].member
}
