# Two kinds of keys for two kinds of threats. The wrapping key decides who may read a backup's content, even of a stolen
# backup. The storage keys only encrypt the disks: Cloud Storage decrypts for every reader. Keys and rings cannot be
# deleted; destroying a key's versions makes every backup that it protects unreadable.

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
  rotation_period            = "7776000s"  # 90 days; old versions are kept for the backups that they wrapped
  destroy_scheduled_duration = "10368000s" # 120 days (the maximum) during which a destruction can be undone
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

# Only Cloud Storage's own service account uses the storage keys; reading this data source also creates that account. It
# has no depends_on (its API is enabled in every project): otherwise a later plan could defer reading it, and then remove
# and grant again the right that every read of a backup needs.
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
  # Rights on the wrapping key. Monitor, and backup without continuous backups, can only encrypt. Verify can only decrypt.
  # Restore needs both, because it takes a safety backup. Cleanup has none: it cannot read what it can delete.
  wrapping_grants = merge(var.continuous_every_minutes == null ? {} : {
    backup-decrypts = { identity = "backup", role = "roles/cloudkms.cryptoKeyDecrypter" } # page indexes of earlier points
    }, {
    backup-encrypts  = { identity = "backup", role = "roles/cloudkms.cryptoKeyEncrypter" }
    monitor-encrypts = { identity = "monitor", role = "roles/cloudkms.cryptoKeyEncrypter" }
    monitor-watches  = { identity = "monitor", role = "roles/cloudkms.viewer" } # sees the states of versions
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
