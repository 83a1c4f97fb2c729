locals {
  _bucket_location = coalesce(var.bucket.location, var.region)

  _stores = merge(
    {
      primary = {
        name        = coalesce(var.bucket.name, "${var.project_id}-${var.name_prefix}")
        location    = upper(local._bucket_location)
        dual_region = [for region in var.bucket.dual_region : upper(region)]
      }
    },
    var.copy_store == null ? {} : {
      copy = {
        name        = coalesce(var.copy_store.name, "${var.project_id}-${var.name_prefix}-copy")
        location    = upper(var.copy_store.location)
        dual_region = []
      }
    },
  )

  # A bucket's key must be in the bucket's location; Cloud KMS uses other names for multi-regions.
  stores = {
    for store, bucket in local._stores : store => merge(bucket, {
      key_location = lookup({ ASIA = "asia", EU = "europe", US = "us" }, bucket.location, lower(bucket.location))
    })
  }

  artifact_suffixes = [".sql.gz", ".sql.gz.enc", ".sqlite.zst", ".sqlite.zst.enc"]

  # After 30 days verifications are done and a restore is unlikely. Artifacts then move to the coldest class whose minimum
  # storage duration fits their remaining time, because early deletion is billed for the whole minimum.
  _days_left = { for kind, days in local.retention_days : kind => days - 30 }
  cold_class = {
    for kind, days in local._days_left : kind => (
      days >= 365 ? "ARCHIVE" : days >= 90 ? "COLDLINE" : "NEARLINE"
    ) if days >= 30
  }

  # The cleanup job deletes backups, because only it knows the last good backup, holds and chains. These lifecycle rules
  # delete what is left when cleanup has not worked for a year.
  backstop_days = { for kind, days in local.retention_days : kind => days + var.bucket.backstop_days }

  # Leases are needed for hours, slots for minutes, a mark while it is the newest. locks/retired/ is not in this list:
  # a retired database stays retired.
  passing_prefixes = ["locks/cleanup.", "locks/slots/", "locks/unchanged/"]
}

resource "google_storage_bucket" "store" {
  # checkov:skip=CKV_GCP_78:Objects are created once and never overwritten, and soft delete keeps deleted ones: versioning would only keep what retention deletes.
  # checkov:skip=CKV_GCP_62:The data-access audit logs (audit.tf) have reads and writes with the account; access logs would need another bucket.
  for_each = local.stores

  project                     = var.project_id
  name                        = each.value.name
  location                    = each.value.location
  storage_class               = "STANDARD"
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false
  deletion_policy             = "PREVENT"
  rpo                         = length(each.value.dual_region) == 0 ? null : var.bucket.turbo ? "ASYNC_TURBO" : "DEFAULT"
  labels                      = local.labels

  dynamic "custom_placement_config" {
    for_each = length(each.value.dual_region) == 0 ? [] : [each.value.dual_region]
    content {
      data_locations = custom_placement_config.value
    }
  }

  encryption {
    default_kms_key_name = google_kms_crypto_key.storage[each.key].id

    google_managed_encryption_enforcement_config {
      restriction_mode = "FullyRestricted"
    }
    customer_supplied_encryption_enforcement_config {
      restriction_mode = "FullyRestricted"
    }
  }

  versioning {
    enabled = false
  }

  soft_delete_policy {
    retention_duration_seconds = var.bucket.soft_delete_days * 86400
  }

  dynamic "retention_policy" {
    for_each = var.retention_lock == null ? [] : [var.retention_lock]
    content {
      retention_period = tostring(retention_policy.value.days * 86400)
      is_locked        = retention_policy.value.locked
    }
  }

  dynamic "lifecycle_rule" {
    for_each = local.cold_class
    content {
      action {
        type          = "SetStorageClass"
        storage_class = lifecycle_rule.value
      }
      condition {
        age                   = 30
        matches_prefix        = ["${lifecycle_rule.key}/"]
        matches_suffix        = local.artifact_suffixes # the small manifests stay in the class without retrieval costs
        matches_storage_class = ["STANDARD"]
      }
    }
  }

  dynamic "lifecycle_rule" {
    for_each = local.backstop_days
    content {
      action {
        type = "Delete"
      }
      condition {
        age            = lifecycle_rule.value
        matches_prefix = ["${lifecycle_rule.key}/"]
      }
    }
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age            = 30
      matches_prefix = local.passing_prefixes
    }
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age            = 400 # the audit trail has its own retention, independent of backups
      matches_prefix = ["audit/"]
    }
  }

  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }
    condition {
      age = 7
    }
  }

  lifecycle {
    prevent_destroy = true

    precondition {
      condition     = var.retention_lock == null ? true : var.retention_lock.days <= min(values(local.retention_days)...)
      error_message = "retention_lock.days is longer than the shortest retention (${min(values(local.retention_days)...)} days), so cleanup would fail every day: shorten the lock, or lengthen retention_days."
    }
  }

  depends_on = [google_kms_crypto_key_iam_member.storage, terraform_data.key_grants_count]
}
