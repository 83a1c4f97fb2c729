mock_data "google_project" {
  defaults = {
    number = "123456789012"
  }
}

mock_data "google_storage_project_service_account" {
  defaults = {
    email_address = "service-123456789012@gs-project-accounts.iam.gserviceaccount.com"
    member        = "serviceAccount:service-123456789012@gs-project-accounts.iam.gserviceaccount.com"
  }
}

# Service accounts and keys with their names, so that tests can tell whose grant it is.
override_resource {
  target = google_service_account.job["backup"]
  values = {
    email  = "litekeep-backup@acme-prod.iam.gserviceaccount.com"
    member = "serviceAccount:litekeep-backup@acme-prod.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.job["cleanup"]
  values = {
    email  = "litekeep-cleanup@acme-prod.iam.gserviceaccount.com"
    member = "serviceAccount:litekeep-cleanup@acme-prod.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.job["monitor"]
  values = {
    email  = "litekeep-monitor@acme-prod.iam.gserviceaccount.com"
    member = "serviceAccount:litekeep-monitor@acme-prod.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.job["restore"]
  values = {
    email  = "litekeep-restore@acme-prod.iam.gserviceaccount.com"
    member = "serviceAccount:litekeep-restore@acme-prod.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.job["verify"]
  values = {
    email  = "litekeep-verify@acme-prod.iam.gserviceaccount.com"
    member = "serviceAccount:litekeep-verify@acme-prod.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.scheduler
  values = {
    email  = "litekeep-scheduler@acme-prod.iam.gserviceaccount.com"
    member = "serviceAccount:litekeep-scheduler@acme-prod.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.arrival["on"]
  values = {
    email  = "litekeep-arrival@acme-prod.iam.gserviceaccount.com"
    member = "serviceAccount:litekeep-arrival@acme-prod.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_kms_crypto_key.wrapping
  values = {
    id = "projects/acme-prod/locations/global/keyRings/litekeep-wrapping/cryptoKeys/wrapping"
  }
}

override_resource {
  target = google_kms_crypto_key.storage["primary"]
  values = {
    id = "projects/acme-prod/locations/europe-west1/keyRings/litekeep-storage-primary/cryptoKeys/storage"
  }
}

override_resource {
  target = google_kms_crypto_key.storage["copy"]
  values = {
    id = "projects/acme-prod/locations/europe-north1/keyRings/litekeep-storage-copy/cryptoKeys/storage"
  }
}

override_resource {
  target = google_project_iam_custom_role.cleaner
  values = {
    id = "projects/acme-prod/roles/litekeep_cleaner"
  }
}

override_resource {
  target = google_secret_manager_secret.database_url["source"]
  values = {
    id = "projects/acme-prod/secrets/litekeep-source-url"
  }
}

override_resource {
  target = google_secret_manager_secret.database_url["target"]
  values = {
    id = "projects/acme-prod/secrets/litekeep-target-url"
  }
}

override_resource {
  target = google_logging_project_bucket_config.audit
  values = {
    id = "projects/acme-prod/locations/europe-west1/buckets/litekeep-audit"
  }
}

override_resource {
  target = google_secret_manager_secret.database_url["monitor"]
  values = {
    id = "projects/acme-prod/secrets/litekeep-monitor-url"
  }
}

override_resource {
  target = google_service_account.build["on"]
  values = {
    email  = "litekeep-build@acme-prod.iam.gserviceaccount.com"
    member = "serviceAccount:litekeep-build@acme-prod.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.console["on"]
  values = {
    email  = "litekeep-console@acme-prod.iam.gserviceaccount.com"
    member = "serviceAccount:litekeep-console@acme-prod.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_kms_crypto_key.console["on"]
  values = {
    id = "projects/acme-prod/locations/europe-west1/keyRings/litekeep-wrapping/cryptoKeys/console"
  }
}

override_resource {
  target = google_project_iam_custom_role.lister["on"]
  values = {
    id = "projects/acme-prod/roles/litekeep_lister"
  }
}
