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
    error_message = "What is deleted cannot be brought back, or is kept twice."
  }
  assert {
    condition     = alltrue([for store, bucket in google_storage_bucket.store : bucket.encryption[0].default_kms_key_name == google_kms_crypto_key.storage[store].id && bucket.encryption[0].google_managed_encryption_enforcement_config[0].restriction_mode == "FullyRestricted"])
    error_message = "A bucket takes objects that its own key does not encrypt."
  }
  assert {
    condition     = alltrue([for bucket in google_storage_bucket.store : length(bucket.retention_policy) == 0])
    error_message = "The retention lock is on though nobody asked for it."
  }
  assert {
    condition     = google_storage_bucket.store["copy"].location == "EUROPE-NORTH1" && google_kms_key_ring.storage["copy"].location == "europe-north1" && google_kms_key_ring.storage["primary"].location == "europe-west1"
    error_message = "The copy, or a key, is not where it should be."
  }
  assert {
    condition     = google_kms_key_ring.wrapping.location == "global"
    error_message = "The wrapping key is in one region: when that is down, the copy in another cannot be read."
  }

  assert {
    condition = alltrue([for kind, days in { continuous = 7, daily = 30, weekly = 90, pre-deployment = 30, on-demand = 30, milestone = 365 } :
      jsonencode([for rule in google_storage_bucket.store["primary"].lifecycle_rule : one(rule.condition).age if one(rule.action).type == "Delete" && contains(coalesce(one(rule.condition).matches_prefix, []), "${kind}/")]) == jsonencode([days + 365])
    ])
    error_message = "A kind has no backstop, or one that is not a year beyond its retention."
  }
  assert {
    condition     = alltrue([for rule in google_storage_bucket.store["primary"].lifecycle_rule : length(coalesce(one(rule.condition).matches_prefix, [])) >= 1 if one(rule.action).type == "Delete"])
    error_message = "A rule deletes without a prefix, so it deletes everything."
  }
  assert {
    condition     = !anytrue([for prefix in flatten([for rule in google_storage_bucket.store["primary"].lifecycle_rule : coalesce(one(rule.condition).matches_prefix, [])]) : startswith("locks/retired/", prefix)])
    error_message = "A database that was retired counts as missing again after a month."
  }
  assert {
    condition     = length([for rule in google_storage_bucket.store["primary"].lifecycle_rule : rule if one(rule.action).type == "AbortIncompleteMultipartUpload" && one(rule.condition).age <= 7]) == 1
    error_message = "Uploads that were cut off are kept, and paid for."
  }

  # In production: weekly is kept for 90 days, so 60 are left at 30: NEARLINE's 30 fit, COLDLINE's 90 do not.
  assert {
    condition     = jsonencode(local.cold_class) == jsonencode({ weekly = "NEARLINE", milestone = "COLDLINE" })
    error_message = "A class is colder than its kind's retention justifies, or one that pays is not used."
  }
  assert {
    condition = alltrue([for rule in google_storage_bucket.store["primary"].lifecycle_rule :
    one(rule.condition).age >= 30 && length(one(rule.condition).matches_suffix) == 4 if one(rule.action).type == "SetStorageClass"])
    error_message = "Objects change class before they were verified, or the small ones do too."
  }
  assert {
    condition = alltrue([for kind, days in local.retention_days : days - 30 >= lookup({ NEARLINE = 30, COLDLINE = 90, ARCHIVE = 365 }, local.cold_class[kind], 0)
    if contains(keys(local.cold_class), kind)])
    error_message = "Objects are deleted before their class's least duration is over."
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
    error_message = "Cleanup goes by another retention than the bucket."
  }
  assert {
    condition     = jsonencode(local.cold_class) == jsonencode({ daily = "ARCHIVE", milestone = "COLDLINE" })
    error_message = "A retention of 59 days leaves 29 after the first 30: nothing colder than STANDARD pays. 370 pay for ARCHIVE, 90 for COLDLINE."
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
    error_message = "The bucket does not lie in both regions, replicated within minutes."
  }
  assert {
    condition     = google_kms_key_ring.storage["primary"].location == "europe"
    error_message = "Cloud Storage refuses a key that is not where the bucket is."
  }

  assert {
    condition     = google_storage_bucket.store["primary"].retention_policy[0].retention_period == "604800" && !google_storage_bucket.store["primary"].retention_policy[0].is_locked
    error_message = "The retention lock is of another length, or locked for ever without being asked."
  }
}

run "retention_lock_longer_than_retention_is_refused" {
  command = plan

  variables {
    retention_lock = { days = 8 }
  }

  expect_failures = [google_storage_bucket.store["primary"]]
}
