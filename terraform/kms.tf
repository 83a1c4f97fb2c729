# Two kinds of keys, for two kinds of harm. The wrapping key decides who may read a backup's content, also of
# one that was stolen. The storage keys only keep the disks unreadable: Cloud Storage decrypts for any reader.
# Neither a key nor its ring can ever be deleted; destroying a key's versions destroys every backup it protects.

locals {
  wrapping_ring = coalesce(var.key.ring, "${var.name_prefix}-wrapping")
}

resource "google_kms_key_ring" "wrapping" {
  project  = var.project_id
  name     = local.wrapping_ring
  location = var.key.location

  depends_on = [google_project_service.this]
}

resource "google_kms_crypto_key" "wrapping" {
  name                       = var.key.name
  key_ring                   = google_kms_key_ring.wrapping.id
  purpose                    = "ENCRYPT_DECRYPT"
  rotation_period            = "7776000s"  # 90 days; old versions stay, for the backups that they wrapped
  destroy_scheduled_duration = "10368000s" # 120 days, the longest there is, to take a destruction back
  labels                     = local.labels

  version_template {
    algorithm        = "GOOGLE_SYMMETRIC_ENCRYPTION"
    protection_level = var.key.protection_level
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "google_kms_key_ring" "storage" {
  for_each = local.stores

  project  = var.project_id
  name     = "${var.name_prefix}-storage-${each.key}"
  location = each.value.key_location

  depends_on = [google_project_service.this]
}

resource "google_kms_crypto_key" "storage" {
  for_each = local.stores

  name                       = "storage"
  key_ring                   = google_kms_key_ring.storage[each.key].id
  purpose                    = "ENCRYPT_DECRYPT"
  rotation_period            = "7776000s"
  destroy_scheduled_duration = "10368000s"
  labels                     = local.labels

  lifecycle {
    prevent_destroy = true
  }
}

# Cloud Storage's own account, which the look-up also makes, uses the storage keys; no job does. Nothing stands
# before the look-up (its API is on in every project): else a later plan could put off the answer, and with it
# take away and give back the right that every read of a backup needs.
data "google_storage_project_service_account" "this" {
  project = var.project_id
}

resource "google_kms_crypto_key_iam_member" "storage" {
  for_each = local.stores

  crypto_key_id = google_kms_crypto_key.storage[each.key].id
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = data.google_storage_project_service_account.this.member
}

locals {
  # Who may use the wrapping key. Backup (unless there are continuous backups) and monitor can only lock, verify can only unlock; restore needs both,
  # for the safety backup it takes. Cleanup is not here: what it can delete, it cannot read.
  wrapping_grants = merge(var.continuous_every_minutes == null ? {} : {
    backup-decrypts = { identity = "backup", role = "roles/cloudkms.cryptoKeyDecrypter" } # page indexes of earlier points
    }, {
    backup-encrypts  = { identity = "backup", role = "roles/cloudkms.cryptoKeyEncrypter" }
    monitor-encrypts = { identity = "monitor", role = "roles/cloudkms.cryptoKeyEncrypter" }
    monitor-watches  = { identity = "monitor", role = "roles/cloudkms.viewer" } # the states of versions, no content
    restore-decrypts = { identity = "restore", role = "roles/cloudkms.cryptoKeyDecrypter" }
    restore-encrypts = { identity = "restore", role = "roles/cloudkms.cryptoKeyEncrypter" }
    verify-decrypts  = { identity = "verify", role = "roles/cloudkms.cryptoKeyDecrypter" }
  })
}

resource "google_kms_crypto_key_iam_member" "wrapping" {
  for_each = local.wrapping_grants

  crypto_key_id = google_kms_crypto_key.wrapping.id
  role          = each.value.role
  member        = google_service_account.job[each.value.identity].member
}
