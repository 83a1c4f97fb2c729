mock_provider "google" {
  override_during = plan
  source          = "./tests/mock"
}

run "bucket_is_protected_and_moves_objects_only_if_cheaper" {
  command = plan

  variables {
    copy_store = { location = "europe-north1" }
  }

  assert {
    condition     = alltrue([for bucket in google_storage_bucket.store : !bucket.force_destroy && bucket.deletion_policy == "PREVENT"])
    error_message = "A bucket with backups can be destroyed."
  }
  assert {
    condition     = alltrue([for bucket in google_storage_bucket.store : bucket.soft_delete_policy[0].retention_duration_seconds >= 604800 && !bucket.versioning[0].enabled])
    error_message = "Deleted objects cannot be restored, or are also kept as versions."
  }
  assert {
    condition     = alltrue([for store, bucket in google_storage_bucket.store : bucket.encryption[0].default_kms_key_name == google_kms_crypto_key.storage[store].id && bucket.encryption[0].google_managed_encryption_enforcement_config[0].restriction_mode == "FullyRestricted"])
    error_message = "A bucket does not encrypt objects with its own key."
  }
  assert {
    condition     = alltrue([for bucket in google_storage_bucket.store : length(bucket.retention_policy) == 0])
    error_message = "The retention lock is on by default."
  }
  assert {
    condition     = google_storage_bucket.store["copy"].location == "EUROPE-NORTH1" && google_kms_key_ring.storage["copy"].location == "europe-north1" && google_kms_key_ring.storage["primary"].location == "europe-west1"
    error_message = "The copy or a key is in the wrong location."
  }
  assert {
    condition     = google_kms_key_ring.wrapping.location == "global"
    error_message = "The wrapping key is in one region, so the copy in another region cannot be read while that is down."
  }

  assert {
    condition = alltrue([for kind, days in { continuous = 7, daily = 30, weekly = 90, pre-deployment = 30, on-demand = 30, milestone = 365 } :
      jsonencode([for rule in google_storage_bucket.store["primary"].lifecycle_rule : one(rule.condition).age if one(rule.action).type == "Delete" && contains(coalesce(one(rule.condition).matches_prefix, []), "${kind}/")]) == jsonencode([days + 365])
    ])
    error_message = "A kind has no backstop rule, or one that is not a year after its retention."
  }
  assert {
    condition     = alltrue([for rule in google_storage_bucket.store["primary"].lifecycle_rule : length(coalesce(one(rule.condition).matches_prefix, [])) >= 1 if one(rule.action).type == "Delete"])
    error_message = "A rule deletes without a prefix, so it deletes everything."
  }
  assert {
    condition     = !anytrue([for prefix in flatten([for rule in google_storage_bucket.store["primary"].lifecycle_rule : coalesce(one(rule.condition).matches_prefix, [])]) : startswith("locks/retired/", prefix)])
    error_message = "A retired database would count as missing again after a month."
  }
  assert {
    condition     = length([for rule in google_storage_bucket.store["primary"].lifecycle_rule : rule if one(rule.action).type == "AbortIncompleteMultipartUpload" && one(rule.condition).age <= 7]) == 1
    error_message = "Incomplete uploads are kept and billed."
  }

  # In production weekly backups are kept for 90 days. After 30 days, 60 are left: NEARLINE's minimum of 30 fits,
  # COLDLINE's minimum of 90 does not.
  assert {
    condition     = jsonencode(local.cold_class) == jsonencode({ weekly = "NEARLINE", milestone = "COLDLINE" })
    error_message = "A class is too cold for its kind's retention, or a cheaper class is not used."
  }
  assert {
    condition = alltrue([for rule in google_storage_bucket.store["primary"].lifecycle_rule :
    one(rule.condition).age >= 30 && length(one(rule.condition).matches_suffix) == 4 if one(rule.action).type == "SetStorageClass"])
    error_message = "Objects change class before they are verified, or small objects change class too."
  }
  assert {
    condition = alltrue([for kind, days in local.retention_days : days - 30 >= lookup({ NEARLINE = 30, COLDLINE = 90, ARCHIVE = 365 }, local.cold_class[kind], 0)
    if contains(keys(local.cold_class), kind)])
    error_message = "Objects are deleted before the minimum duration of their class."
  }
}

run "retention_changes_backstop_classes_and_cleanup" {
  command = plan

  variables {
    environment    = "staging"
    retention_days = { daily = 400, milestone = 120, weekly = 59 }
  }

  assert {
    condition = jsonencode([for rule in google_storage_bucket.store["primary"].lifecycle_rule : one(rule.condition).age
    if one(rule.action).type == "Delete" && contains(coalesce(one(rule.condition).matches_prefix, []), "daily/")]) == jsonencode([765])
    error_message = "The backstop does not follow retention_days."
  }
  assert {
    condition     = local.env.cleanup.BACKUP_RETENTION == "continuous=7d,daily=400d,weekly=59d,pre-deployment=30d,on-demand=30d,milestone=120d"
    error_message = "Cleanup and the bucket use different retentions."
  }
  assert {
    condition     = jsonencode(local.cold_class) == jsonencode({ daily = "ARCHIVE", milestone = "COLDLINE" })
    error_message = "A retention of 59 days leaves 29 after the first 30, so STANDARD is cheapest. With 370 left ARCHIVE is cheapest, with 90 COLDLINE."
  }
}

run "dual_region_bucket_with_an_unlocked_retention_lock" {
  command = plan

  variables {
    bucket         = { location = "EU", dual_region = ["europe-west1", "europe-west4"] }
    retention_lock = { days = 7 }
  }

  assert {
    condition     = google_storage_bucket.store["primary"].rpo == "ASYNC_TURBO" && google_storage_bucket.store["primary"].custom_placement_config[0].data_locations == toset(["EUROPE-WEST1", "EUROPE-WEST4"])
    error_message = "The bucket is not in both regions with replication within minutes."
  }
  assert {
    condition     = google_kms_key_ring.storage["primary"].location == "europe"
    error_message = "The key is not in the bucket's location: Cloud Storage refuses it."
  }

  assert {
    condition     = google_storage_bucket.store["primary"].retention_policy[0].retention_period == "604800" && !google_storage_bucket.store["primary"].retention_policy[0].is_locked
    error_message = "The retention lock has another length, or is permanent by default."
  }
}

run "retention_lock_longer_than_retention_is_refused" {
  command = plan

  variables {
    retention_lock = { days = 8 }
  }

  expect_failures = [google_storage_bucket.store["primary"]]
}
