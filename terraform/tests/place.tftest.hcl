# Disks, networks, locations, names and organization policies: each is supported, or refused with the reason.

mock_provider "google" {
  override_during = plan
  source          = "./tests/mock"
}

run "plan_without_images_is_refused" {
  command = plan

  variables {
    images = null
  }

  expect_failures = [var.images]
}

run "disks_over_the_instance_quota_are_refused" {
  command = plan

  variables {
    job_sizes = { verify = { scratch_gib = 25 } }
  }

  expect_failures = [google_cloud_run_v2_job.this["verify"], google_cloud_run_v2_job.this["drill"]]
}

run "volumes_over_the_quota_are_refused" {
  command = plan

  variables {
    job_sizes = { backup = { tasks = 4 } }
  }

  expect_failures = [var.disk_quota]
}

run "granted_quota_can_be_used" {
  command = plan

  variables {
    job_sizes  = { backup = { tasks = 4 }, verify = { scratch_gib = 50 } }
    disk_quota = { instance_gib = 50, region_gib = 500, volumes = 40 }
  }

  assert {
    condition     = local.disk_volumes == 15 && local.disk_gib == 230
    error_message = "The count of volumes or their size is wrong: three backup jobs of 4 x 10, verify and drill of 50, restore of 10."
  }
  assert {
    condition     = alltrue([for name, job in google_cloud_run_v2_job.this : job.launch_stage == (contains(["cleanup", "monitor", "restore-check"], name) ? "GA" : "BETA")])
    error_message = "A job that may get a disk later is not created with launch stage BETA."
  }
}

run "shared_vpc_subnet_is_granted_to_cloud_run" {
  command = plan

  variables {
    network = { network = "projects/host/global/networks/n", subnetwork = "projects/host/regions/europe-west1/subnetworks/s" }
  }

  assert {
    condition     = google_compute_subnetwork_iam_member.run["on"].project == "host" && google_compute_subnetwork_iam_member.run["on"].region == "europe-west1" && google_compute_subnetwork_iam_member.run["on"].subnetwork == "s" && google_compute_subnetwork_iam_member.run["on"].member == "serviceAccount:service-123456789012@serverless-robot-prod.iam.gserviceaccount.com" && google_compute_subnetwork_iam_member.run["on"].role == "roles/compute.networkUser"
    error_message = "Cloud Run may not use the subnet of the host project, or another account may."
  }
}

run "own_subnet_or_grant_false_grants_nothing" {
  command = plan

  variables {
    network = { network = "n", subnetwork = "projects/acme-prod/regions/europe-west1/subnetworks/s" }
  }

  assert {
    condition     = length(google_compute_subnetwork_iam_member.run) == 0
    error_message = "There is a grant that is not needed."
  }
}

run "subnet_in_another_region_is_refused" {
  command = plan

  variables {
    network = { network = "n", subnetwork = "projects/host/regions/us-east1/subnetworks/s" }
  }

  expect_failures = [google_cloud_run_v2_job.this["backup"]]
}

run "verification_on_arrival_without_a_trigger_location_is_refused" {
  command = plan

  variables {
    bucket            = { location = "NAM4" }
    verify_on_arrival = {}
  }

  expect_failures = [google_eventarc_trigger.arrival]
}

run "named_dual_region_has_its_key_there" {
  command = plan

  variables {
    bucket           = { location = "eur4" }
    secret_locations = ["europe-west1", "europe-west4"]
  }

  assert {
    condition     = google_storage_bucket.store["primary"].location == "EUR4" && google_kms_key_ring.storage["primary"].location == "eur4"
    error_message = "The key is not in the bucket's location."
  }
  assert {
    condition     = alltrue([for secret in google_secret_manager_secret.database_url : length(secret.replication[0].auto) == 0 && toset(secret.replication[0].user_managed[0].replicas[*].location) == toset(["europe-west1", "europe-west4"])])
    error_message = "A secret is in a region that the organization does not allow."
  }
}

run "invalid_location_values_are_refused" {
  command = plan

  variables {
    budget           = { billing_account = "mine", amount = 10 }
    bucket           = { location = "EUROPE" }
    registry         = "A registry"
    secret_locations = ["EU"]
    key              = { ring = "a/b" }
    network          = { network = "n", subnetwork = "regions/europe-west1/subnetworks/s" }
  }

  expect_failures = [var.budget, var.bucket, var.registry, var.secret_locations, var.key, var.network]
}

run "cloud_build_has_its_own_account_and_budget_notifies" {
  command = plan

  variables {
    budget        = { billing_account = "012345-6789AB-CDEF01", amount = 20, currency = "EUR" }
    cloud_build   = {}
    notifications = { emails = ["a@acme.example"], pubsub_topics = ["projects/ops/topics/alerts"] }
  }

  assert {
    condition     = google_storage_bucket_iam_member.build["on"].role == "roles/storage.objectViewer" && google_artifact_registry_repository_iam_member.build["on"].role == "roles/artifactregistry.writer" && google_project_iam_member.build_logs["on"].role == "roles/logging.logWriter" && length(distinct([google_storage_bucket_iam_member.build["on"].member, google_artifact_registry_repository_iam_member.build["on"].member, google_project_iam_member.build_logs["on"].member, google_service_account.build["on"].member])) == 1
    error_message = "A build could not read its source, push its images or write its log."
  }
  assert {
    condition     = google_billing_budget.this["on"].amount[0].specified_amount[0].units == "20" && length(google_billing_budget.this["on"].all_updates_rule[0].monitoring_notification_channels) == 1
    error_message = "The budget differs, or notifies nobody."
  }
  assert {
    condition     = contains(keys(google_project_service.this), "cloudbuild.googleapis.com") && google_project_service.resource_manager.service == "cloudresourcemanager.googleapis.com"
    error_message = "A required API is not enabled."
  }
}

run "existing_names_can_be_used" {
  command = plan

  variables {
    bucket   = { name = "acme-backups-2019" }
    key      = { ring = "company", name = "backups" }
    registry = "company-images"
  }

  assert {
    condition     = google_storage_bucket.store["primary"].name == "acme-backups-2019" && google_kms_key_ring.wrapping.name == "company" && google_kms_crypto_key.wrapping.name == "backups" && google_artifact_registry_repository.images.repository_id == "company-images"
    error_message = "Existing resources cannot be imported under their own names."
  }
}
